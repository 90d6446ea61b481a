import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { layoutOf } from '../../cli/platform/paths.ts';
import { OPEN_TASK_STATUSES } from '../../contracts/agent-task/states.ts';
import { agentTaskWorkflowId } from '../../contracts/temporal.ts';
import type { Identity } from './support/agent.ts';
import { eventually, unexpected } from './support/insist.ts';
import { proveEnded } from './support/proof.ts';
import { Rig, scratchFolder } from './support/rig.ts';

const SETTINGS = { EUCORA_HEARTBEAT_INTERVAL_SECONDS: '5' };
/** "In reasonable time": nobody has to wait for the hourly maintenance. */
const REMINDED_WITHIN_MS = 20_000;

let rig: Rig | undefined;
afterAll(() => rig?.dispose());

async function emptyTemporal(dataDir: string): Promise<void> {
  const folder = layoutOf(dataDir).temporal;
  const files = (await readdir(folder)).filter((name) => name.startsWith('temporal.db'));
  expect(files).not.toEqual([]);
  for (const file of files) await rm(join(folder, file));
}

test('open tasks get workflows again when Temporal has lost everything', async () => {
  const dataDir = await scratchFolder();
  const before = await Rig.start(SETTINGS, dataDir);
  const [one, two, three] = (await before.enrol(3)) as [Identity, Identity, Identity];
  const create = (agent: Identity) => before.createTask({ agent_id: agent.id, max_retries: 20 });
  const first = before.agent(one);
  const done = await create(one);
  const started = await create(one);
  const dying = await create(one);
  await first.untilGiven(dying);
  await first.say(done, 'start', 'complete');
  await first.say(started, 'start');
  await first.say(dying, 'start');
  const lost = await create(two);
  const loser = before.agent(two);
  await loser.untilGiven(lost);
  const pending = await create(three);
  await proveEnded(before, [done]);
  // Its time is over before anybody looks again: whoever knew of its timer is gone with Temporal.
  await before.database.query('UPDATE agent_task SET timeout_seconds = 1 WHERE id = $1', [dying]);
  await first.close();
  await loser.close();
  await before.close();
  await before.platform.stop();
  await emptyTemporal(dataDir);

  rig = await Rig.start(SETTINGS, dataDir);
  const { database, temporal } = rig;
  const begun = performance.now();
  const open = [started, dying, lost, pending];
  for (const task of open) {
    await eventually(`the workflow of ${task} runs again`, REMINDED_WITHIN_MS, async () => {
      await temporal.workflow.getHandle(agentTaskWorkflowId(task)).describe();
      return true;
    });
  }
  const remindedMs = Math.round(performance.now() - begun);
  const { rows } = await database.query<{ id: string }>(
    'SELECT id FROM agent_task WHERE status = ANY($1::text[])',
    [OPEN_TASK_STATUSES],
  );
  // The new workflow of the one whose time was over may have ended it by now.
  const alive = rows.map((row) => row.id).filter((task) => task !== dying);
  expect(alive.sort()).toEqual([started, lost, pending].sort());

  const agents = [rig.agent(one), rig.agent(two), rig.agent(three)] as const;
  await agents[0].say(started, 'progress', 'complete');
  await agents[1].untilGiven(lost);
  await agents[1].say(lost, 'start', 'complete');
  await agents[2].untilGiven(pending);
  await agents[2].say(pending, 'start', 'complete');
  const ended = await proveEnded(rig, open);
  expect(open.map((task) => ended.get(task)?.status)).toEqual([
    'COMPLETED',
    'TIMEOUT',
    'COMPLETED',
    'COMPLETED',
  ]);
  await expect(temporal.workflow.getHandle(agentTaskWorkflowId(done)).describe()).rejects.toThrow(
    /not found/,
  );
  for (const agent of agents) await agent.close();
  expect(unexpected).toEqual([]);
  process.stderr.write(`workflows of open tasks run again ${remindedMs} ms after the start\n`);
}, 240_000);
