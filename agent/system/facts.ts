import { readFile, statfs } from 'node:fs/promises';
import { cpus, hostname, networkInterfaces, release, totalmem } from 'node:os';
import type { Platform } from '../../contracts/agent/agent.ts';
import type { MachineDescription } from '../identity/enrolment.ts';
import type { HardwareFacts } from '../identity/hardware.ts';
import { storable } from '../text.ts';
import { readOsRelease } from './os-release.ts';
import type { Tools } from './tools.ts';

export const MEBIBYTE = 1_048_576;
export const GIBIBYTE = 1_073_741_824;

/** The contract's name of the operating system; whatever is no Windows or macOS is treated as Linux. */
export function platformName(platform: NodeJS.Platform): Platform {
  if (platform === 'win32') return 'windows';
  return platform === 'darwin' ? 'macos' : 'linux';
}

const readOr = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

async function platformVersion(tools: Tools): Promise<string> {
  if (tools.platform === 'linux') {
    const { PRETTY_NAME } = await readOsRelease();
    if (PRETTY_NAME !== undefined) return PRETTY_NAME;
  }
  if (tools.platform === 'darwin')
    return (await tools.output('sw_vers', ['-productVersion']))?.trim() ?? release();
  return release();
}

/** The drive that the system lives on. */
export const systemVolume = (platform: NodeJS.Platform): string => (platform === 'win32' ? 'C:\\' : '/');

const externalInterfaces = () =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => !address.internal);

/** What the machine says of itself when it enrols. */
export async function describeMachine(tools: Tools, agentVersion: string): Promise<MachineDescription> {
  const disk = await statfs(systemVolume(tools.platform)).catch(() => undefined);
  const addresses = externalInterfaces();
  const address = addresses.find(({ family }) => family === 'IPv4') ?? addresses[0];
  return {
    hostname: storable(hostname(), 255) || 'unknown',
    platform: platformName(tools.platform),
    platform_version: storable(await platformVersion(tools), 128),
    agent_version: agentVersion,
    cpu_cores: Math.max(1, cpus().length),
    memory_mb: Math.max(1, Math.round(totalmem() / MEBIBYTE)),
    disk_gb: disk === undefined ? null : Math.round((disk.blocks * disk.bsize) / GIBIBYTE),
    ip_address: address?.address.replace(/%.*$/, '') ?? null,
    mac_address: address?.mac ?? null,
  };
}

async function windowsFacts(tools: Tools): Promise<Pick<HardwareFacts, 'machineId' | 'productUuid'>> {
  const registry = await tools.output('reg', [
    'query',
    'HKLM\\SOFTWARE\\Microsoft\\Cryptography',
    '/v',
    'MachineGuid',
  ]);
  const uuid = await tools.powershell('(Get-CimInstance Win32_ComputerSystemProduct).UUID');
  return { machineId: /MachineGuid\s+REG_SZ\s+(\S+)/.exec(registry ?? '')?.[1], productUuid: uuid };
}

async function macosFacts(tools: Tools): Promise<Pick<HardwareFacts, 'machineId' | 'productUuid'>> {
  const registry = (await tools.output('ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice'])) ?? '';
  return {
    machineId: /"IOPlatformSerialNumber" = "([^"]+)"/.exec(registry)?.[1],
    productUuid: /"IOPlatformUUID" = "([^"]+)"/.exec(registry)?.[1],
  };
}

/** What a clone does not share with its original. */
export async function hardwareFacts(tools: Tools): Promise<HardwareFacts> {
  const macs = externalInterfaces().map(({ mac }) => mac);
  if (tools.platform === 'win32') return { ...(await windowsFacts(tools)), macs };
  if (tools.platform === 'darwin') return { ...(await macosFacts(tools)), macs };
  return {
    machineId: (await readOr('/etc/machine-id')) ?? (await readOr('/var/lib/dbus/machine-id')),
    // Readable by root only.
    productUuid: await readOr('/sys/class/dmi/id/product_uuid'),
    macs,
  };
}
