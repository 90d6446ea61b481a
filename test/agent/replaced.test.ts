import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Downloader } from '../../agent/deploy/download.ts';
import type { Installer } from '../../agent/deploy/installer.ts';
import { childEnvironment } from '../../agent/process/environment.ts';
import { run } from '../../agent/process/run.ts';
import type { Courier } from '../../agent/queue/courier.ts';
import { Tools } from '../../agent/system/tools.ts';
import { deployExecutor } from '../../agent/tasks/deploy.ts';
import type { Journal } from '../../agent/tasks/journal.ts';
import { RunningTask } from '../../agent/tasks/running-task.ts';
import { executionOf } from './execution.ts';
import { captureLog, removeFolders, sha256, temporaryFolder } from './support.ts';

afterAll(removeFolders);

/** A machine with these packages, and an installation that goes as `install` does. */
function machine(installed: Map<string, string>, install: () => Promise<void>) {
  const installer: Installer = {
    root: '/',
    refusesOlder: true,
    versionOf: async (name) => installed.get(name),
    install: async () => {
      await install();
      return { method: 'fake', output: '', notes: [] };
    },
    remove: async (name) => {
      installed.delete(name);
      return { method: 'fake removal', output: '', notes: [] };
    },
  };
  const scratch = temporaryFolder();
  const fetch = async () => {
    const path = join(scratch, 'artifact');
    writeFileSync(path, 'x');
    return path;
  };
  return deployExecutor({
    downloader: { fetch } as unknown as Downloader,
    installerFor: () => installer,
    tools: new Tools(run, childEnvironment({ PATH: process.env['PATH'] }, 'linux'), 'linux'),
    scratch,
  });
}

const PAYLOAD = {
  package_name: 'Tool 23',
  package_version: '23.1.0',
  format: 'msi',
  artifact: { sha256: sha256('x') },
  replaces: [{ package_name: 'Tool 24', version: '24.0.0' }],
};

describe('What was removed before an installation that did not succeed', () => {
  it('is told with its failure, to whoever looks at the deployment and at the task', async () => {
    const installed = new Map([
      ['Tool 23', '23.2.0'],
      ['Tool 24', '24.0.0'],
    ]);
    const reports: (string | null | undefined)[] = [];
    const execution = {
      ...executionOf(PAYLOAD),
      report: ({ error }: { error?: string | null | undefined }) => reports.push(error),
    };
    const message = 'msiexec failed (Tool 23 23.2.0 was removed before, Tool 24 24.0.0 was removed before)';
    await expect(
      machine(installed, () => Promise.reject(new Error('msiexec failed')))(execution),
    ).rejects.toMatchObject({ message, result: { failure_kind: 'install' } });
    expect(reports.at(-1)).toBe(message);
    expect(installed.size).toBe(0);
  });

  it('is not told of where nothing was', async () => {
    const installed = new Map([['Tool 24', '24.1.0']]);
    await expect(
      machine(installed, () => Promise.reject(new Error('msiexec failed')))(executionOf(PAYLOAD)),
    ).rejects.toMatchObject({ message: 'msiexec failed', result: { failure_kind: 'install' } });
    expect(installed.size).toBe(1);
  });

  it('is told when the task was stopped in between, as far as anybody still wants to know', async () => {
    const journal = { update: async () => undefined } as unknown as Journal;
    const courier = { send: async () => ({ outcome: 'delivered' }) } as unknown as Courier;
    for (const [why, expected] of [
      [
        'time',
        {
          how: 'outcome',
          outcome: { body: { error_message: 'too long (Tool 24 24.0.0 was removed before)' } },
        },
      ],
      ['decided', { how: 'decided', status: 'too long' }],
    ] as const) {
      const { task } = executionOf(PAYLOAD);
      const executor = machine(new Map([['Tool 24', '24.0.0']]), async () => {
        running.abort(why, 'too long');
        throw new Error('stopped');
      });
      const running: RunningTask = new RunningTask({ task, state: 'accepted' } as never, executor, {
        journal,
        courier,
        log: captureLog().log,
      });
      expect(await running.work()).toMatchObject(expected);
    }
  });
});
