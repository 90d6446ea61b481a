import { step } from '../../../cli/engines/progress.ts';
import { defineBench } from '../bench.ts';
import type { FloorPorts } from '../floor/server.ts';
import type { LoadReport } from '../load/tally.ts';
import { oneRound, toMeasurement } from '../measure/measurement.ts';
import { inTurns } from '../measure/rounds.ts';
import { prepareDataFolder, startBenchApi } from '../parts/api.ts';
import { startChild } from '../parts/child.ts';
import { startBenchPostgres } from '../parts/postgres.ts';
import { profileInto } from '../parts/profile.ts';
import { scratchFolder } from '../parts/scratch.ts';
import type { EnrolCommand } from './main.ts';
import { HANDSHAKE } from './returners.ts';

/**
 * New machines, each with a handshake of its own, against a server that only signs; and machines that come back, with
 * whole handshakes and with resumed ones, to one replica and to two in turns, against a bare TLS server.
 */
export const enrol = defineBench({
  name: 'enrol',
  summary: 'enrolments with handshake and signing, and reconnects, against a bare TLS server that signs',
  options: {
    'at-once': { default: 32, help: 'machines that enrol or come back at the same time' },
    seconds: { default: 4, help: 'length of a round' },
    rounds: { default: 3, help: 'rounds, ours and the floor in turns' },
    warm: { default: 3, help: 'seconds that each side runs before it is measured' },
    profile: { default: '', help: 'folder for a CPU profile of the API' },
  },
  async run(options, context) {
    const { rounds, seconds, warm } = options;
    const atOnce = options['at-once'];
    const dataDir = await scratchFolder(context.cleanup);
    const postgres = await startBenchPostgres(context, dataDir);
    const authority = await prepareDataFolder(dataDir);
    const { token } = await postgres.stores.enrolmentTokens.create(
      { name: 'bench', expires_in_seconds: 86_400, max_uses: null, tags: {} },
      { type: 'system', id: 'bench' },
      'bench',
    );
    const platform = { dataDir, databaseUrl: postgres.url };
    const replica = await startBenchApi(context, platform, profileInto(options.profile));
    const second = await startBenchApi(context, platform);
    const floor = startChild<{ dataDir: string }, FloorPorts>(context, 'bench/floor/main.js');
    const floorPorts = await floor.ask({ dataDir });
    const load = startChild<EnrolCommand, LoadReport>(context, 'bench/enrol/main.js');
    const pids = { api: replica.process.pid, postgres: postgres.running.pid };
    const floorPids = { floor: floor.pid };

    const enrolAt = (port: number, processes: Record<string, number>, length: number) =>
      oneRound(processes, 201, () =>
        load.ask({
          enrol: { port, ca: authority.certificatePem, registrationKey: token, seconds: length, atOnce },
        }),
      );
    await step(context.progress, 'Warming up', async () => {
      await enrolAt(replica.agentPort, pids, warm);
      await enrolAt(floorPorts.enrol, floorPids, warm);
    });
    if (options.profile !== '') process.kill(replica.process.pid, 'SIGUSR2');
    const enrolments = await step(context.progress, 'Measuring enrolments', async () =>
      toMeasurement(
        await inTurns(rounds, {
          ours: () => enrolAt(replica.agentPort, pids, seconds),
          floor: () => enrolAt(floorPorts.enrol, floorPids, seconds),
        }),
      ),
    );

    const reconnect = (resumed: boolean, ports: readonly number[]) =>
      step(
        context.progress,
        `Measuring reconnects, ${resumed ? 'resumed' : 'whole'}, ${ports.length} replicas`,
        async () => {
          const expected = resumed ? HANDSHAKE.resumed : HANDSHAKE.whole;
          const at = (where: readonly number[], processes: Record<string, number>) => () =>
            oneRound(processes, expected, () =>
              load.ask({ reconnect: { dataDir, ports: where, seconds, atOnce, resumed } }),
            );
          const replicas = {
            api: replica.process.pid,
            ...(ports.length > 1 ? { api_2: second.process.pid } : {}),
          };
          return toMeasurement(
            await inTurns(rounds, {
              ours: at(ports, replicas),
              floor: at([floorPorts.mtls_http1], floorPids),
            }),
          );
        },
      );
    return {
      ...enrolments,
      reconnect_whole: await reconnect(false, [replica.agentPort]),
      reconnect_resumed: await reconnect(true, [replica.agentPort]),
      reconnect_resumed_two_replicas: await reconnect(true, [replica.agentPort, second.agentPort]),
    };
  },
});
