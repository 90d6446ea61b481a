import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Journal } from '../../agent/tasks/journal.ts';
import { executionOf } from './execution.ts';
import { captureLog, removeFolders, temporaryFolder } from './support.ts';

afterAll(removeFolders);

describe('A task that the disk does not let go', () => {
  it('is forgotten all the same, but not where all must be gone', async () => {
    const directory = temporaryFolder();
    const { log, lines } = captureLog();
    const journal = new Journal(directory, log);
    for (const forget of [(id: string) => journal.forget(id), () => journal.clear()]) {
      const { task } = executionOf({});
      await journal.accept(task);
      // A folder is not removed as files are.
      rmSync(join(directory, `${task.id}.json`));
      mkdirSync(join(directory, `${task.id}.json`));
      const outcome = forget(task.id);
      await (lines.length === 0
        ? expect(outcome).resolves.toBeUndefined()
        : expect(outcome).rejects.toThrow());
      expect(journal.get(task.id)).toBeUndefined();
    }
  });
});
