import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PortChooser } from '../../../cli/engines/ports.ts';
import type { Cleanup } from '../cleanup.ts';

/** A folder of the bench's own, removed in the end. */
export async function scratchFolder(cleanup: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'eucora-bench-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  // As root, Postgres' own user must pass.
  await chmod(folder, 0o711);
  return folder;
}

/** Free ports, as many as asked for. */
export async function freePorts(count: number): Promise<number[]> {
  const chooser = new PortChooser();
  const ports: number[] = [];
  while (ports.length < count) ports.push(await chooser.choose(0));
  return ports;
}
