import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { DetectionRule } from '../../contracts/agent-task/payload.ts';
import { sha256OfFile } from '../storage/files.ts';

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

/**
 * Whether what the rule describes is there; every condition given must hold. An empty rule holds never: it
 * would call anything installed.
 */
export async function detect(
  rule: DetectionRule,
  root: string,
  versionOf: PackageVersion,
): Promise<Detection> {
  const { file_exists, file_sha256, package_name, package_version } = rule;
  if (file_exists === undefined && package_name === undefined) {
    return not('the rule names neither a file nor a package');
  }
  if (file_exists !== undefined) {
    const path = await withinRoot(root, file_exists);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return not(`the file ${file_exists} is not there`);
    if (file_sha256 !== undefined) {
      if (!found.isFile()) return not(`${file_exists} is not a file`);
      if ((await sha256OfFile(path)) !== file_sha256)
        return not(`the file ${file_exists} has another SHA-256`);
    }
  } else if (file_sha256 !== undefined) {
    return not('the rule gives file_sha256 without file_exists');
  }
  if (package_name !== undefined) {
    const version = await versionOf(package_name);
    if (version === undefined) return not(`the package ${package_name} is not installed`);
    if (package_version !== undefined && version !== package_version) {
      return not(`the package ${package_name} has version ${version}, not ${package_version}`);
    }
  }
  return HOLDS;
}
