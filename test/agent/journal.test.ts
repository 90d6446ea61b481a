import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Journal } from '../../agent/tasks/journal.ts';
import { executionOf } from './execution.ts';
import { captureLog, removeFolders, temporaryFolder } from './support.ts';

afterAll(removeFolders);

describe('A task that the disk does not let go', () => {
  const accepted = async () => {
    const directory = temporaryFolder();
    const { log, lines } = captureLog();
    const journal = new Journal(directory, log);
    const { task } = executionOf({});
    await journal.accept(task);
    // A folder is not removed as files are.
    const file = join(directory, `${task.id}.json`);
    rmSync(file);
    mkdirSync(file);
    return { journal, id: task.id, file, lines };
  };

  it('is forgotten all the same', async () => {
    const { journal, id, lines } = await accepted();
    await journal.forget(id);
    expect(journal.get(id)).toBeUndefined();
    expect(lines).toHaveLength(1);
  });

  it('is not said to be gone where all must be, however often that is asked', async () => {
    const { journal, id, file } = await accepted();
    await expect(journal.clear()).rejects.toThrow();
    expect(journal.get(id)).toBeUndefined();
    await expect(journal.clear()).rejects.toThrow();
    rmdirSync(file);
    await journal.clear();
  });
});
