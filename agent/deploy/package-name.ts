/**
 * What names one package to the tool that is asked; everything else (patterns, options) is refused, since it
 * would make the tool answer another question. Debian: deb-control(5), with an architecture as dpkg prints it.
 */
const PACKAGE_NAME = {
  Debian: /^[A-Za-z0-9][A-Za-z0-9+._-]*(?::[a-z0-9][a-z0-9-]*)?$/,
  RPM: /^[A-Za-z0-9_][A-Za-z0-9._+~^-]*$/,
  macOS: /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/,
} as const;

/** @throws Error when this cannot be the name of one package */
export function checkPackageName(kind: keyof typeof PACKAGE_NAME, name: string): void {
  if (!PACKAGE_NAME[kind].test(name)) throw new Error(`"${name}" cannot be the name of a ${kind} package`);
}
