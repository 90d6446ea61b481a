import { rename, rm, stat } from 'node:fs/promises';
import { z } from 'zod';

const LIMIT_BYTES = 10_000_000;
const KEPT = 3;

/** Moves a log that has grown past 10 MB away, at a start; three old ones are kept. */
export async function rotateLog(path: string, limitBytes: number = LIMIT_BYTES): Promise<void> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size < limitBytes) return;
  await rm(`${path}.${KEPT}`, { force: true });
  for (let index = KEPT - 1; index >= 1; index -= 1) {
    await rename(`${path}.${index}`, `${path}.${index + 1}`).catch(() => undefined);
  }
  await rename(path, `${path}.1`);
}

const lineSchema = z.object({
  level: z.number(),
  msg: z.string().default(''),
  err: z.object({ message: z.string() }).optional(),
});

const WARN_LEVEL = 40;

/**
 * What a line of a child's log is worth on the console: its warnings and errors, in short; undefined for the rest.
 * Lines that are no JSON are shown only from stderr: there they come from a crash, of
 * which the stack stays in the log.
 */
export function worthTelling(line: string, fromStderr: boolean): string | undefined {
  if (!line.startsWith('{')) return fromStderr && /^\s*(?!at )\S/.test(line) ? line : undefined;
  try {
    const parsed = lineSchema.safeParse(JSON.parse(line));
    if (!parsed.success || parsed.data.level < WARN_LEVEL) return undefined;
    const { msg, err } = parsed.data;
    return err === undefined || msg.includes(err.message) ? msg : `${msg}: ${err.message}`;
  } catch {
    return fromStderr ? line : undefined;
  }
}
