import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type History, historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { SCENARIOS, type Scenario } from '../../contracts/simulation/simulation.ts';
import { plainSimulationBundle, planFor, type ScenarioWorld, scenarioWorld } from './support/scenarios.ts';

const FOLDER = join(__dirname, 'histories');
/** Histories, with the ids that their workflows had: those of children are made from them. */
const HISTORIES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    SCENARIOS.map((scenario) => [`simulation.${scenario}.json`, `simulation/test-${scenario}`]),
  ),
  'simulatedSite.partition.json': 'simulation/test-partition/site-0',
};

let world: ScenarioWorld;
beforeAll(async () => {
  world = await scenarioWorld();
});
afterAll(() => world?.stop());

// RECORD_HISTORIES=1 npx jest test/simulator/scenarios  writes the histories anew.
async function record(workflowId: string, file: string): Promise<void> {
  if (process.env['RECORD_HISTORIES'] !== '1') return;
  await mkdir(FOLDER, { recursive: true });
  const history = await world.client.workflow.getHandle(workflowId).fetchHistory();
  await writeFile(join(FOLDER, file), `${JSON.stringify(JSON.parse(historyToJSON(history)), null, 1)}\n`);
}

const play = async (scenario: Scenario) => {
  const outcome = await world.play(planFor(scenario));
  await record(`simulation/test-${scenario}`, `simulation.${scenario}.json`);
  return { outcome, notes: [...world.steering.notes] };
};
/** Without the seconds; sites are told at about the same time. */
const bare = (notes: readonly string[]): string[] => notes.map((note) => note.replace(/^\d+ s /, '')).sort();
const all = (text: string): string[] => Array.from({ length: 10 }, (_, site) => `site ${site}: ${text}`);
/** The second in which it was asked for, to a few seconds: real time goes by as well. */
const when = (notes: readonly string[], word: string): number =>
  Math.floor(Number.parseInt(notes.find((note) => note.includes(word)) ?? '', 10) / 10) * 10;

describe('Scenarios', () => {
  it('steady wakes every site in step and runs to its end', async () => {
    const { outcome, notes } = await play('steady');
    expect(bare(notes)).toEqual(all('wake 60000'));
    expect(outcome).toMatchObject({ scenario: 'steady', deployment: null });
    expect(outcome.events.at(-1)).toMatch(/^12\d\d s: over$/);
  });

  it('a morning storm wakes everybody within two minutes', async () => {
    expect(bare((await play('morning-storm')).notes)).toEqual(all('wake 120000'));
  });

  it('a partition cuts 30 % off for six minutes and reconnects them', async () => {
    const { notes } = await play('partition');
    await record('simulation/test-partition/site-0', 'simulatedSite.partition.json');
    const later = notes.filter((note) => !note.includes('wake'));
    expect(later.filter((note) => note.includes('cut'))).toHaveLength(3);
    expect(later.filter((note) => note.includes('reconnect'))).toHaveLength(3);
    expect([when(notes, 'cut'), when(notes, 'reconnect')]).toEqual([120, 480]);
  });

  it('a restart kills the API, and later everything', async () => {
    const { notes } = await play('restart');
    expect(bare(notes.filter((note) => note.includes('restart')))).toEqual([
      'restart api',
      'restart api worker temporal postgres',
    ]);
    expect([when(notes, 'restart api'), when(notes, 'postgres')]).toEqual([120, 660]);
  });

  it.each(['deployment', 'bad-package'] as const)(
    '%s follows one deployment to its end',
    async (scenario) => {
      const { outcome, notes } = await play(scenario);
      expect(bare(notes.filter((note) => note.includes('deploy')))).toEqual([
        `deploy package-${scenario} to 100`,
      ]);
      expect(outcome.deployment).toEqual({ tasks: 100, completed: 80, failed: 20, open: 0 });
    },
  );

  it('does not wait for ever for a deployment that gets nowhere', async () => {
    world.steering.stuck = true;
    const plan = { ...planFor('deployment'), run_id: 'test-stuck' };
    const { deployment, events } = await world.play(plan);
    expect(deployment).toMatchObject({ open: 100 });
    expect(events).toContainEqual(
      expect.stringMatching(/^13\d\d s: 100 of 100 devices were still open after 1200 s$/),
    );
    expect(events.at(-1)).toMatch(/^13\d\d s: over$/);
  });
});

describe('Histories of the simulator’s workflows', () => {
  const read = (file: string): History =>
    historyFromJSON(JSON.parse(readFileSync(join(FOLDER, file), 'utf8')));

  it('are there for every scenario', () => {
    expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(HISTORIES).sort());
  });

  it('replay on the workflows as they are now; one that they would not have written does not', async () => {
    const workflowBundle = await plainSimulationBundle();
    const replayed: (string | undefined)[] = [];
    const histories = Object.entries(HISTORIES).map(([file, workflowId]) => ({
      workflowId,
      history: read(file),
    }));
    for await (const { error } of Worker.runReplayHistories({ workflowBundle }, histories))
      replayed.push(error?.message);
    expect(replayed).toEqual(histories.map(() => undefined));
    const strange = read('simulation.steady.json');
    const started = strange.events?.[0]?.workflowExecutionStartedEventAttributes;
    if (started?.workflowType == null) throw new Error('The history has no beginning');
    started.workflowType.name = 'simulatedSite';
    await expect(Worker.runReplayHistory({ workflowBundle }, strange, 'strange')).rejects.toThrow(
      /[Nn]ondetermini/,
    );
  });
});
