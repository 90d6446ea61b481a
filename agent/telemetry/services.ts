import { access } from 'node:fs/promises';
import { z } from 'zod';
import type { serviceHealthSchema } from '../../contracts/telemetry/telemetry.ts';
import type { Tools } from '../system/tools.ts';
import { storable } from '../text.ts';
import { parseList } from './software.ts';

export type ServiceHealth = z.infer<typeof serviceHealthSchema>;

const MAX_SERVICES = 1_000;
const SYSTEMD = '/run/systemd/system';

function service(name: string, state: ServiceHealth['state'], detail?: string): ServiceHealth {
  return { name: storable(name, 255), state, ...(detail ? { detail: storable(detail, 1_024) } : {}) };
}

function systemdState(active: string, sub: string): ServiceHealth['state'] {
  if (active === 'failed') return 'failed';
  if (active === 'active') return sub === 'exited' ? 'stopped' : 'running';
  return active === 'inactive' ? 'stopped' : 'unknown';
}

async function systemd(tools: Tools): Promise<ServiceHealth[]> {
  const printed = await tools.output('systemctl', [
    'list-units',
    '--type=service',
    '--all',
    '--plain',
    '--no-legend',
    '--no-pager',
  ]);
  return (printed ?? '').split('\n').flatMap((line) => {
    const [unit = '', load, active = '', sub = '', ...description] = line.trim().split(/\s+/);
    if (!unit.endsWith('.service') || load !== 'loaded') return [];
    return [service(unit.slice(0, -'.service'.length), systemdState(active, sub), description.join(' '))];
  });
}

const windowsService = z.looseObject({
  Name: z.string().min(1),
  DisplayName: z.string().nullish(),
  // A number or its name, by version of PowerShell.
  Status: z.union([z.number(), z.string()]),
});

async function windows(tools: Tools): Promise<ServiceHealth[]> {
  const printed = await tools.powershell(
    'Get-Service | Select-Object Name,DisplayName,Status | ConvertTo-Json -Compress',
  );
  return parseList(windowsService, printed, (root) => root).map((item) => {
    const running = item.Status === 4 || item.Status === 'Running';
    const stopped = item.Status === 1 || item.Status === 'Stopped';
    return service(
      item.Name,
      running ? 'running' : stopped ? 'stopped' : 'unknown',
      item.DisplayName ?? undefined,
    );
  });
}

/** launchctl prints pid (or -), last exit status and label. */
async function launchd(tools: Tools): Promise<ServiceHealth[]> {
  const printed = await tools.output('launchctl', ['list']);
  return (printed ?? '')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [pid = '', status = '', label = ''] = line.split('\t');
      if (label === '') return [];
      if (/^\d+$/.test(pid)) return [service(label, 'running')];
      return [status === '0' ? service(label, 'stopped') : service(label, 'failed', `exit status ${status}`)];
    });
}

/** Health of the system's services; empty where there is no service manager. */
export async function serviceHealth(tools: Tools, systemdMark: string = SYSTEMD): Promise<ServiceHealth[]> {
  let found: ServiceHealth[];
  if (tools.platform === 'win32') found = await windows(tools);
  else if (tools.platform === 'darwin') found = await launchd(tools);
  else {
    const isThere = await access(systemdMark).then(
      () => true,
      () => false,
    );
    found = isThere ? await systemd(tools) : [];
  }
  return found.slice(0, MAX_SERVICES);
}
