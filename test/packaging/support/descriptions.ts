import {
  type DescriptionOf,
  type PackageDescription,
  type PackageFormat,
  packageDescriptionSchema,
} from '../../../contracts/packaging-pipeline/description.ts';

const COMMON = {
  name: 'hello-eucora',
  version: '1.2.3',
  maintainer: 'Packaging Tests <tests@example.org>',
  summary: 'Says hello',
  license: 'MIT',
  homepage: 'https://example.org/hello',
  source: { type: 'archive', strip_components: 1 },
};

const UNIX = {
  files: [
    { from: 'bin/hello', to: '/usr/bin/hello-eucora', mode: '0755' },
    { from: 'lib', to: '/opt/hello-eucora/lib' },
  ],
  text_files: [{ to: '/etc/hello-eucora.conf', content: 'greeting = hello\n', config: true }],
  symlinks: [{ path: '/opt/hello-eucora/hello', target: '/usr/bin/hello-eucora' }],
};

const FORMATS: Readonly<Record<PackageFormat, object>> = {
  deb: UNIX,
  rpm: UNIX,
  msi: {
    manufacturer: 'EUCORA Tests',
    upgrade_code: '7f2c1d8e-3b4a-4c5d-8e6f-901234567890',
    files: [
      { from: 'bin/hello', to: 'hello.exe' },
      { from: 'lib', to: 'lib' },
    ],
    text_files: [{ to: 'hello.conf', content: 'greeting = hello\n' }],
  },
  pkg: { ...UNIX, identifier: 'org.example.hello-eucora' },
};

/** The description of a small program for one format; `changes` go over it. */
export function describePackage<F extends PackageFormat>(format: F, changes: object = {}): DescriptionOf<F> {
  const description: PackageDescription = packageDescriptionSchema.parse({
    ...COMMON,
    ...FORMATS[format],
    format,
    ...changes,
  });
  return description as DescriptionOf<F>;
}
