import { z } from 'zod';
import { freeText, text } from '../http/common.ts';

/** The parts that package descriptions of all formats are made of. Whatever reaches a packaging tool is narrowed here. */

const SINGLE_LINE = /^[^\u0000-\u001f\u007f]*$/;
/** Text of one line, without control characters. */
export const line = (max: number) => text(max).regex(SINGLE_LINE, 'must be one line');

/**
 * Names, versions and releases as packages may have them: what others made has to be named as it is. What is built here is
 * held to {@link BUILT}.
 */
export const packageNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]{1,62}$/);
export const packageVersionSchema = z.string().regex(/^([0-9]{1,9}:)?[0-9][A-Za-z0-9.+~^_-]{0,63}$/);
export const releaseSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.+~^_]{0,31}$/);
export const BUILT = {
  /** Debian's rule, which every other format satisfies as well. */
  name: { pattern: /^[a-z0-9][a-z0-9+.-]{1,62}$/, must: 'be of lower-case letters, digits, +, - and .' },
  /** Upstream version; no hyphen, which separates the release in deb and rpm. */
  version: {
    pattern: /^[0-9][A-Za-z0-9.+~]{0,63}$/,
    must: 'begin with a digit, and be of letters, digits, ., + and ~',
  },
  release: {
    pattern: /^[1-9][A-Za-z0-9.+~]{0,31}$/,
    must: 'begin with a digit, and be of letters, digits, ., + and ~',
  },
} as const;

const hasPlainParts = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

/** A path inside the source, `/` between its parts; empty names the whole of it. */
export const sourcePathSchema = freeText(1_024)
  .regex(SINGLE_LINE, 'must not contain control characters')
  .refine((path) => path === '' || hasPlainParts(path), 'must be relative, without empty parts, . or ..');

const installedCharacters = /^[A-Za-z0-9 ._+@:,=()[\]{}~/-]+$/;
const installed = (path: z.ZodString) => path.max(1_024).regex(installedCharacters);

/** An absolute path of the target machine. */
export const absolutePathSchema = installed(z.string()).refine(
  (path) => path.startsWith('/') && hasPlainParts(path.slice(1)),
  'must be absolute, without empty parts, . or ..',
);

const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;
/** A path below the product's own folder on Windows, `/` between its parts. */
export const productPathSchema = installed(z.string()).refine(
  (path) =>
    hasPlainParts(path) &&
    path.split('/').every((part) => !RESERVED.test(part) && !part.includes(':') && !/[. ]$/.test(part)),
  'must be relative to the product’s folder, of names that Windows allows',
);

export const modeSchema = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'must be three octal digits, such as 0755')
  .meta({ description: 'Octal; no setuid, setgid or sticky bits' });
export const accountSchema = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/);

/** A relation to another package. */
export const relationSchema = z.strictObject({
  name: packageNameSchema,
  relation: z.enum(['<', '<=', '=', '>=', '>']).optional(),
  version: z
    .string()
    .regex(/^[0-9][A-Za-z0-9.+~:-]{0,63}$/)
    .optional(),
});
export type Relation = z.infer<typeof relationSchema>;
export const relationsSchema = z
  .array(
    relationSchema.refine(
      ({ relation, version }) => (relation === undefined) === (version === undefined),
      'relation and version belong together',
    ),
  )
  .max(200)
  .default([]);

/** Shell scripts of the package manager's; they run as root on the target machine. */
const script = freeText(65_536).min(1).optional();
export const scriptsSchema = z.strictObject({
  pre_install: script,
  post_install: script,
  pre_remove: script,
  post_remove: script,
});

/** A long-running program, as a systemd unit, launchd job or Windows service. */
export const serviceSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/),
  description: line(200),
  /** Path of an installed file, as in `files`. */
  program: text(1_024).regex(installedCharacters),
  arguments: z.array(line(512)).max(32).default([]),
  user: accountSchema.optional().meta({ description: 'Default: root, or LocalSystem' }),
  restart: z.boolean().default(true),
});
export type Service = z.infer<typeof serviceSchema>;

/** How the source is taken. */
export const sourceSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('archive').meta({ description: 'tar, tar.gz or zip' }),
    strip_components: z.number().int().min(0).max(10).default(0),
  }),
  z.strictObject({
    type: z.literal('binary').meta({ description: 'One file' }),
    name: sourcePathSchema.min(1).refine((name) => !name.includes('/'), 'must be a plain file name'),
  }),
  z.strictObject({
    type: z.literal('package').meta({ description: 'An existing deb, rpm, msi or flat pkg' }),
    action: z.enum(['re-sign', 'repack']).meta({
      description:
        're-sign: the same package under our signature; repack: its files are a source like others',
    }),
  }),
]);
export type Source = z.infer<typeof sourceSchema>;
