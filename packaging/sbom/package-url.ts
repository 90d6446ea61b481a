import { PackageURL } from 'packageurl-js';
import type { TrivyPackage, TrivyResult } from '../scan/trivy-reports.ts';

/** Types of package URLs by what Trivy calls the place where it found a package. */
const TYPES: Readonly<Record<string, string>> = {
  npm: 'npm',
  yarn: 'npm',
  pnpm: 'npm',
  bun: 'npm',
  'node-pkg': 'npm',
  javascript: 'npm',
  pip: 'pypi',
  pipenv: 'pypi',
  poetry: 'pypi',
  uv: 'pypi',
  'python-pkg': 'pypi',
  bundler: 'gem',
  gemspec: 'gem',
  jar: 'maven',
  pom: 'maven',
  gradle: 'maven',
  cargo: 'cargo',
  rustbinary: 'cargo',
  composer: 'composer',
  gomod: 'golang',
  gobinary: 'golang',
  nuget: 'nuget',
  'dotnet-core': 'nuget',
  'packages-props': 'nuget',
  hex: 'hex',
  pub: 'pub',
  conan: 'conan',
};
/** Between namespace and name. */
const SEPARATORS: Readonly<Record<string, string>> = { maven: ':', npm: '/', golang: '/', composer: '/' };

/** A package's URL; undefined where this kind of package, or this name, is not known here. */
export function packageUrl({ Type, Class }: TrivyResult, found: TrivyPackage): string | undefined {
  const told = found.Identifier?.PURL;
  if (told !== undefined) return told;
  const type = Class === 'os-pkgs' ? undefined : TYPES[Type];
  if (type === undefined) return undefined;
  const separator = SEPARATORS[type];
  const cut = separator === undefined ? -1 : found.Name.lastIndexOf(separator);
  const namespace = cut < 0 ? undefined : found.Name.slice(0, cut);
  const version = found.Version === '' ? undefined : found.Version;
  try {
    return new PackageURL(
      type,
      namespace,
      found.Name.slice(cut + 1),
      version,
      undefined,
      undefined,
    ).toString();
  } catch {
    // What the type's own rules refuse, such as a Java archive without a group.
    return undefined;
  }
}
