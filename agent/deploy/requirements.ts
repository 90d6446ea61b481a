import { statfs } from 'node:fs/promises';
import { release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { Dependency, Requirements } from '../../contracts/agent-task/package-rules.ts';
import { MEBIBYTE } from '../system/facts.ts';
import { readOsRelease } from '../system/os-release.ts';
import type { Tools } from '../system/tools.ts';
import type { PackageVersion } from './detection.ts';
import { compareVersions, satisfies } from './versions.ts';

/** What a machine is, in the words of requirements. */
export interface Machine {
  readonly architecture: string;
  readonly platformVersion: string;
  readonly memoryMb: number;
  readonly freeDiskMb: number;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ia32: '386',
  arm: 'arm',
};

/** @param root where packages go; it need not be there yet */
export async function describeForPackages(tools: Tools, root: string): Promise<Machine> {
  return {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    platformVersion: await platformVersion(tools),
    memoryMb: Math.floor(totalmem() / MEBIBYTE),
    freeDiskMb: Math.floor((await freeBytes(root)) / MEBIBYTE),
  };
}

async function platformVersion(tools: Tools): Promise<string> {
  if (tools.platform === 'linux') return (await readOsRelease()).VERSION_ID ?? release();
  if (tools.platform === 'darwin')
    return (await tools.output('sw_vers', ['-productVersion']))?.trim() || release();
  return release();
}

/** Of the volume that the nearest folder which exists lies on. */
async function freeBytes(path: string): Promise<number> {
  const volume = await statfs(path).catch(() => undefined);
  if (volume !== undefined) return volume.bavail * volume.bsize;
  const parent = dirname(path);
  return parent === path ? 0 : freeBytes(parent);
}

/** What of the requirements the machine does not meet, for people; undefined if it meets all. */
export function unmetRequirement(requirements: Requirements, machine: Machine): string | undefined {
  const { architectures, min_platform_version, min_memory_mb, min_free_disk_mb } = requirements;
  const { architecture, platformVersion, memoryMb, freeDiskMb } = machine;
  if (architectures !== undefined && !(architectures as readonly string[]).includes(architecture))
    return `the machine is ${architecture}; the package needs ${architectures.join(' or ')}`;
  if (min_platform_version !== undefined && compareVersions(platformVersion, min_platform_version) < 0)
    return `the system has version ${platformVersion}; the package needs ${min_platform_version}`;
  if (min_memory_mb !== undefined && memoryMb < min_memory_mb)
    return `the machine has ${memoryMb} MiB of memory; the package needs ${min_memory_mb}`;
  if (min_free_disk_mb !== undefined && freeDiskMb < min_free_disk_mb)
    return `${freeDiskMb} MiB are free where packages go; the package needs ${min_free_disk_mb}`;
  return undefined;
}

/** The first dependency that is not there, for people; undefined if all are. */
export async function missingDependency(
  dependencies: readonly Dependency[],
  versionOf: PackageVersion,
): Promise<string | undefined> {
  for (const { package_name, version, operator = '>=' } of dependencies) {
    const installed = await versionOf(package_name);
    if (installed === undefined) return `the package ${package_name} is not installed`;
    if (version !== undefined && !satisfies(installed, operator, version))
      return `the package ${package_name} has version ${installed}; ${operator} ${version} is needed`;
  }
  return undefined;
}
