import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeJson } from '../storage/files.ts';
import { bootId, processStart } from '../storage/lock.ts';
import { killTree } from './kill.ts';

const MARK = 'process.json';
/** Start times are counted from the boot: without it, another process may look the same after the next one. */
const markSchema = z.object({
  pid: z.number().int().min(2),
  started: z.string(),
  boot: z.string().nullable(),
});

/** Notes in a program's own folder which process group it is, for the case that the agent dies before it. */
export async function markProcess(directory: string, pid: number): Promise<void> {
  const started = await processStart(pid);
  if (started !== null) await writeJson(join(directory, MARK), { pid, started, boot: await bootId() });
}

/** Ends what an agent that died left running; resolves with how many groups. */
export async function killOrphans(scratch: string): Promise<number> {
  let killed = 0;
  const thisBoot = await bootId();
  for (const name of await readdir(scratch)) {
    const mark = await readJson(join(scratch, name, MARK), markSchema).catch(() => undefined);
    if (mark?.found !== 'yes') continue;
    const { pid, started, boot } = mark.value;
    if (boot !== thisBoot) continue;
    if ((await processStart(pid)) !== started) continue;
    killTree(pid, 0)();
    killed += 1;
  }
  return killed;
}
