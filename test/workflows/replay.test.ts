import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { WORKFLOW_TYPES } from '../../contracts/temporal.ts';
import { plainWorkflowBundle } from '../harness/temporal.ts';
import { recordPackagingHistories } from '../packaging-pipeline/support/recording.ts';
import { historyFiles, missingStories, readHistory, STORIES } from './support/histories.ts';
import { recordAllHistories, recordIncidentHistories } from './support/recording.ts';
import { recordDeployments } from './support/recording-deployments.ts';

// RECORD_HISTORIES=1 npx jest test/workflows/replay  writes the histories anew. Do so when a workflow changed on
// purpose and no installation runs the old one; otherwise patch the workflow, so that the old histories replay.
if (process.env['RECORD_HISTORIES'] === '1') beforeAll(recordAllHistories, 300_000);
if (['1', 'packaging'].includes(process.env['RECORD_HISTORIES'] ?? ''))
  beforeAll(recordPackagingHistories, 180_000);
if (process.env['RECORD_HISTORIES'] === 'deployment') beforeAll(recordDeployments, 180_000);
if (process.env['RECORD_HISTORIES']?.startsWith('incident')) beforeAll(recordIncidentHistories, 180_000);

let bundle: { code: string };
beforeAll(async () => {
  bundle = await plainWorkflowBundle();
});

it('every workflow type has recorded histories', () => {
  expect(Object.keys(STORIES).sort()).toEqual(Object.keys(WORKFLOW_TYPES).sort());
  expect(missingStories(historyFiles())).toEqual([]);
});

it('the gate notices an empty folder and a type without a history', () => {
  expect(missingStories([])).toHaveLength(Object.values(STORIES).flat().length);
  const without = historyFiles().filter((file) => !file.startsWith('maintenance.'));
  expect(missingStories(without)).toEqual(['maintenance.completed.json']);
});

it('all recorded histories replay on the workflows as they are now', async () => {
  const histories = historyFiles().map((file) => ({ workflowId: file, history: readHistory(file) }));
  const replayed = [];
  for await (const result of Worker.runReplayHistories({ workflowBundle: bundle }, histories))
    replayed.push({ file: result.workflowId, error: result.error?.message });
  expect(replayed.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(replayed).toHaveLength(histories.length);
});

it('a history that a workflow would not have written does not replay', async () => {
  const history = readHistory('agentTask.happy.json');
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (started?.workflowType == null) throw new Error('The history has no beginning');
  started.workflowType.name = 'maintenance';
  await expect(Worker.runReplayHistory({ workflowBundle: bundle }, history)).rejects.toThrow(
    /[Nn]ondetermini/,
  );
});

describe('bundling refuses', () => {
  it.each(['node:fs', 'node:crypto', 'http'])('a workflow that imports %s', async (forbidden) => {
    const folder = await mkdtemp(join(__dirname, '../../node_modules/.fence-'));
    try {
      const path = join(folder, 'workflow.js');
      await writeFile(
        path,
        `import * as forbidden from '${forbidden}';\nexport const bad = async () => forbidden;\n`,
      );
      const said: string[] = [];
      const logger = new DefaultLogger('ERROR', ({ message }) => said.push(message));
      const refusal = await bundleWorkflowCode({ workflowsPath: path, logger }).then(
        () => 'bundled',
        (error: Error) => error.message,
      );
      expect(refusal).toMatch(/disallowed modules|Webpack finished with errors/);
      expect([refusal, ...said].join('\n')).toContain(forbidden);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
