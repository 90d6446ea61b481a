import { z } from 'zod';
import { freeText, instantSchema, text } from '../http/common.ts';
import {
  absolutePathSchema,
  accountSchema,
  BUILT,
  line,
  modeSchema,
  packageNameSchema,
  packageVersionSchema,
  productPathSchema,
  relationsSchema,
  releaseSchema,
  scriptsSchema,
  serviceSchema,
  sourcePathSchema,
  sourceSchema,
} from './description-parts.ts';

export const ARCHITECTURES = ['amd64', 'arm64', 'all'] as const;

const common = {
  name: packageNameSchema,
  version: packageVersionSchema,
  architecture: z.enum(ARCHITECTURES).default('amd64'),
  maintainer: line(200).regex(/^[^<>]+ <[^<>@\s]+@[^<>@\s]+>$/, 'must read: Name <mail@example.org>'),
  summary: line(200),
  description: freeText(4_096).optional(),
  homepage: z
    .url({ protocol: /^https?$/ })
    .max(512)
    .optional(),
  license: line(100).optional().meta({ description: 'SPDX expression' }),
  source: sourceSchema,
  third_party: z
    .strictObject({ vendor: line(100), released_at: instantSchema })
    .optional()
    .meta({ description: 'Whose software it is and when this version came out, when it is not our own' }),
};

/** A file, or a folder with all it holds, from the source. */
const fileOf = (to: z.ZodType<string>) =>
  z.strictObject({
    from: sourcePathSchema,
    to,
    mode: modeSchema.optional().meta({ description: 'Of files; default: 0755 if executable, else 0644' }),
    owner: accountSchema.default('root'),
    group: accountSchema.default('root'),
    config: z
      .boolean()
      .default(false)
      .meta({ description: 'Changes made on the machine outlive an upgrade' }),
  });
/** A small file whose text stands in the description. */
const textFileOf = (to: z.ZodType<string>) =>
  z.strictObject({
    to,
    content: freeText(65_536),
    mode: modeSchema.default('0644'),
    config: z.boolean().default(false),
  });

const contentOf = (to: z.ZodType<string>, root: string) => ({
  // A folder may be laid over the root; a file cannot be.
  files: z
    .array(fileOf(to.or(z.literal(root))))
    .max(2_000)
    .default([]),
  text_files: z.array(textFileOf(to)).max(100).default([]),
  services: z.array(serviceSchema).max(20).default([]),
});
const unixContent = {
  ...contentOf(absolutePathSchema, '/'),
  symlinks: z
    .array(
      z.strictObject({ path: absolutePathSchema, target: text(1_024).regex(/^[A-Za-z0-9 ._+@:,=~/-]+$/) }),
    )
    .max(500)
    .default([]),
};

const linux = {
  ...common,
  ...unixContent,
  release: releaseSchema
    .nullable()
    .default('1')
    .meta({ description: 'null: a package of others whose version has none' }),
  section: z
    .string()
    .regex(/^[a-z0-9/-]{1,64}$/)
    .default('misc'),
  depends: relationsSchema,
  recommends: relationsSchema,
  conflicts: relationsSchema,
  replaces: relationsSchema,
  provides: relationsSchema,
  scripts: scriptsSchema.default({}),
};

const debDescription = z.strictObject({ format: z.literal('deb'), ...linux });
const rpmDescription = z.strictObject({ format: z.literal('rpm'), ...linux });

const msiDescription = z.strictObject({
  format: z.literal('msi'),
  ...common,
  ...contentOf(productPathSchema, '.'),
  version: packageVersionSchema.refine((version) => {
    const parts = version.split('.').map(Number);
    const [major = 0, minor = 0, build = 0] = parts;
    return (
      parts.length <= 4 &&
      parts.every(Number.isInteger) &&
      major < 256 &&
      minor < 256 &&
      build < 65_536 &&
      /^[0-9.]+$/.test(version)
    );
  }, 'must be a version of Windows Installer: 0–255.0–255.0–65535'),
  manufacturer: line(100),
  product_name: line(255)
    .optional()
    .meta({ description: 'As Windows shows it, and by which agents know it; default: the name' }),
  upgrade_code: z
    .guid()
    .meta({ description: 'The same for all versions of a product, so that they replace each other' }),
  folder: productPathSchema.optional().meta({ description: 'Below Program Files; default: the name' }),
});

const pkgDescription = z.strictObject({
  format: z.literal('pkg'),
  ...common,
  ...unixContent,
  identifier: z
    .string()
    .regex(/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/)
    .max(200),
  minimum_os: z
    .string()
    .regex(/^[0-9]+(\.[0-9]+){0,2}$/)
    .default('11.0'),
  scripts: scriptsSchema.pick({ pre_install: true, post_install: true }).default({}),
});

/**
 * What a package is to be, declared: everything that the packaging tools are told about it. The source itself is
 * named beside it, by URL or artifact and hash.
 */
export const packageDescriptionSchema = z
  .discriminatedUnion('format', [debDescription, rpmDescription, msiDescription, pkgDescription])
  .superRefine((description, context) => {
    const { files, text_files, services, source } = description;
    const resigned = source.type === 'package' && source.action === 're-sign';
    const issue = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    // A package of others is named as it is; what is built keeps to what every format can say.
    if (!resigned) {
      const release = 'release' in description ? description.release : '1';
      const named = { name: description.name, version: description.version, release: release ?? '' };
      for (const part of ['name', 'version', 'release'] as const)
        if (!BUILT[part].pattern.test(named[part])) issue([part], `must ${BUILT[part].must}`);
    } else if (description.format !== 'deb' && description.version.includes(':')) {
      // Of an rpm its version and release alone are looked at, and the other systems know none.
      issue(
        ['version'],
        'must be without epoch, which only a deb names: leave out the colon and what is before it',
      );
    }
    if (!resigned && description.format === 'msi' && description.version.split('.').length > 3)
      issue(['version'], 'must be of three parts: Windows Installer compares no others');
    if (resigned && files.length + text_files.length + services.length > 0)
      issue(
        ['source', 'action'],
        'a package that is signed again keeps its content: name no files or services',
      );
    if (!resigned && files.length + text_files.length === 0) issue(['files'], 'must name what to install');
    // The compiler of Windows packages cannot express it.
    const kept = [...files, ...text_files].find(({ config }) => config);
    if (description.format === 'msi' && kept !== undefined)
      issue(['files'], `${kept.to}: config is not known for msi, whose upgrades replace all files`);
    const seen = new Set<string>();
    const links = 'symlinks' in description ? description.symlinks.map(({ path }) => path) : [];
    // Folders may be laid over each other; what two entries would both write is refused when it is staged.
    for (const path of [...text_files.map(({ to }) => to), ...links]) {
      if (seen.has(path)) issue(['text_files'], `${path} is named twice`);
      seen.add(path);
    }
  });
export type PackageDescription = z.infer<typeof packageDescriptionSchema>;
export type PackageFormat = PackageDescription['format'];
export type DescriptionOf<F extends PackageFormat> = Extract<PackageDescription, { format: F }>;

const RPM_ARCHITECTURES = { amd64: 'x86_64', arm64: 'aarch64', all: 'noarch' } as const;

/** The version with the release, where the format has one and the package does. */
export function fullVersion(description: PackageDescription): string {
  const release = 'release' in description ? description.release : null;
  return release === null ? description.version : `${description.version}-${release}`;
}

/** The name under which the finished package is stored, as its platform writes names. */
export function packageFileName(description: PackageDescription): string {
  const { name, architecture } = description;
  // An epoch is no part of a file's name.
  const version = fullVersion(description).replace(/^[0-9]+:/, '');
  switch (description.format) {
    case 'deb':
      return `${name}_${version}_${architecture}.deb`;
    case 'rpm':
      return `${name}-${version}.${RPM_ARCHITECTURES[architecture]}.rpm`;
    case 'msi':
      return `${name}-${version}-${architecture}.msi`;
    case 'pkg':
      return `${name}-${version}.pkg`;
  }
}
