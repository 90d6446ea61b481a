import { open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { DetectionRule } from '../../contracts/agent-task/package-rules.ts';
import { sha256OfFile } from '../storage/files.ts';
import type { Tools } from '../system/tools.ts';
import { satisfies } from './versions.ts';

/** Version of an installed package; undefined when it is not installed. */
export type PackageVersion = (name: string) => Promise<string | undefined>;

export interface Detection {
  readonly holds: boolean;
  /** What does not hold, for people. */
  readonly reason: string;
}

const HOLDS: Detection = { holds: true, reason: 'all conditions hold' };
const not = (reason: string): Detection => ({ holds: false, reason });

/**
 * A path of a rule below the install root.
 * @throws Error when it leads out of the root, also by a symbolic link
 */
export async function withinRoot(root: string, path: string): Promise<string> {
  const full = resolve(root, `.${sep}${path}`);
  const inside = (base: string, candidate: string): boolean => {
    const way = relative(base, candidate);
    return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  };
  const refuse = () => new Error(`The path ${path} of the detection rule leads out of the install root`);
  if (!inside(root, full)) throw refuse();
  const [realRoot, real] = await Promise.all([
    realpath(root).catch(() => root),
    realpath(full).catch(() => undefined),
  ]);
  if (real !== undefined && !inside(realRoot, real)) throw refuse();
  return full;
}

/** How the machine is asked about what a rule names. */
export interface Probes {
  readonly root: string;
  readonly versionOf: PackageVersion;
  readonly tools: Tools;
}

type Condition = (rule: DetectionRule, probes: Probes) => Promise<Detection>;

/**
 * Whether what the rule describes is there; every condition given must hold. An empty rule holds never: it
 * would call anything installed.
 */
export async function detect(rule: DetectionRule, probes: Probes): Promise<Detection> {
  const { file_exists, package_name, registry_key } = rule;
  if (file_exists === undefined && package_name === undefined && registry_key === undefined)
    return not('the rule names neither a file nor a package nor a registry key');
  for (const condition of [fileHolds, packageHolds, registryHolds]) {
    const detection = await condition(rule, probes);
    if (!detection.holds) return detection;
  }
  return HOLDS;
}

const fileHolds: Condition = async (rule, { root, tools }) => {
  const { file_exists, file_sha256, file_version, file_version_operator = '=' } = rule;
  if (file_exists === undefined) {
    if (file_sha256 !== undefined) return not('the rule gives file_sha256 without file_exists');
    if (file_version !== undefined) return not('the rule gives file_version without file_exists');
    return HOLDS;
  }
  const path = await withinRoot(root, file_exists);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return not(`the file ${file_exists} is not there`);
  if ((file_sha256 !== undefined || file_version !== undefined) && !found.isFile())
    return not(`${file_exists} is not a file`);
  if (file_sha256 !== undefined && (await sha256OfFile(path)) !== file_sha256)
    return not(`the file ${file_exists} has another SHA-256`);
  if (file_version === undefined) return HOLDS;
  const version = await fileVersion(path, tools);
  if (version === undefined) return not(`the file ${file_exists} tells no version`);
  return satisfies(version, file_version_operator, file_version)
    ? HOLDS
    : not(`the file ${file_exists} has version ${version}, not ${told(file_version_operator, file_version)}`);
};

const packageHolds: Condition = async (rule, { versionOf }) => {
  const { package_name, package_version, package_version_operator = '=' } = rule;
  if (package_name === undefined)
    return package_version === undefined ? HOLDS : not('the rule gives package_version without package_name');
  const version = await versionOf(package_name);
  if (version === undefined) return not(`the package ${package_name} is not installed`);
  if (package_version === undefined || version === package_version) return HOLDS;
  // Versions that are to be equal are compared as text: packages of other builds differ in it.
  const holds =
    package_version_operator !== '=' && satisfies(version, package_version_operator, package_version);
  return holds
    ? HOLDS
    : not(
        `the package ${package_name} has version ${version}, not ${told(package_version_operator, package_version)}`,
      );
};

const registryHolds: Condition = async (rule, { tools }) => {
  const { registry_key, registry_value, registry_data } = rule;
  if (registry_key === undefined)
    return registry_value === undefined ? HOLDS : not('the rule gives registry_value without registry_key');
  if (tools.platform !== 'win32') return not('there is no registry on this system');
  if (!/^HK(LM|CU|CR|U|CC)\\/.test(registry_key))
    return not(`${registry_key} is no key such as HKLM\\Software`);
  const asked = registry_value === undefined ? [] : ['/v', registry_value];
  const printed = await tools.output('reg', ['query', registry_key, ...asked]);
  if (printed === undefined) {
    const what = registry_value === undefined ? registry_key : `${registry_key}, value ${registry_value},`;
    return not(`the registry key ${what} is not there`);
  }
  if (registry_data === undefined) return HOLDS;
  if (registry_value === undefined) return not('the rule gives registry_data without registry_value');
  const data = printed
    .split(/\r?\n/)
    .map((line) => line.trim())
    .find((line) => line.startsWith(registry_value))
    ?.slice(registry_value.length)
    .replace(/^\s*REG_\w+\s*/, '');
  return data === registry_data ? HOLDS : not(`${registry_key}, value ${registry_value}, is ${data}`);
};

const told = (operator: string, version: string): string =>
  operator === '=' ? version : `${operator} ${version}`;

const VERSION_READ_BYTES = 65_536;

/** The version that a file tells of itself: its resource on Windows, else the first dotted number in its text. */
async function fileVersion(path: string, tools: Tools): Promise<string | undefined> {
  if (tools.platform === 'win32') {
    const script = '(Get-Item -LiteralPath $env:EUCORA_FILE).VersionInfo.FileVersion';
    return (await tools.powershell(script, { EUCORA_FILE: path }))?.trim() || undefined;
  }
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(VERSION_READ_BYTES), 0, VERSION_READ_BYTES, 0);
    return /\d+(?:\.\d+)+(?:[-+~][0-9A-Za-z.]+)?/.exec(buffer.toString('latin1', 0, bytesRead))?.[0];
  } finally {
    await file.close();
  }
}
