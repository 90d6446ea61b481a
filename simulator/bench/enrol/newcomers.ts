import { randomUUID } from 'node:crypto';
import { makeKey } from '../../../agent/identity/keys.ts';
import { Connection } from '../load/connection.ts';
import { renderHttp1 } from '../load/http1.ts';
import { inParallel } from '../load/repeat.ts';
import type { LoadReport } from '../load/tally.ts';

export interface Enrolments {
  readonly port: number;
  readonly ca: string;
  readonly registrationKey: string;
  readonly seconds: number;
  /** Machines that enrol at the same time. */
  readonly atOnce: number;
}

const KEYS = 32;
let requests: Promise<string[]> | undefined;

/** Machines that enrol one after the other, each over a connection and a handshake of its own. */
export async function enrolMachines({
  port,
  ca,
  registrationKey,
  seconds,
  atOnce,
}: Enrolments): Promise<LoadReport> {
  // Made before: keys are the machines' own work.
  requests ??= Promise.all(Array.from({ length: KEYS }, async () => (await makeKey('bench')).csr));
  const csrs = await requests;
  let machines = 0;
  return inParallel(atOnce, seconds, async () => {
    machines += 1;
    const machine = randomUUID();
    const connection = await Connection.open({ protocol: 'mtls_http1', port }, { ca });
    const request = renderHttp1({
      path: '/api/v1/agents/register',
      headers: {},
      body: JSON.stringify({
        registration_key: registrationKey,
        csr: csrs[machines % KEYS],
        hostname: `host-${machine}`,
        platform: 'linux',
        platform_version: '12',
        agent_version: '1.0.0',
        hardware_id: machine,
      }),
    });
    const status = await new Promise<number>((resolve) => connection.send(request, resolve));
    connection.close();
    return status;
  });
}
