import { createWriteStream, type WriteStream } from 'node:fs';
import { copyFile, readdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { cleanLine, truncate as shorten } from '../output/clean.ts';

const LIMIT_BYTES = 10_000_000;
const KEPT = 3;
const LOOK_MS = 60_000;

/** A private log that is appended to. `onError` is told once; what comes then is not in the log, and that is all. */
export function openLog(path: string, onError: (error: Error) => void): WriteStream {
  return createWriteStream(path, { flags: 'a', mode: 0o600 }).on('error', onError);
}

async function makeRoom(path: string): Promise<void> {
  await rm(`${path}.${KEPT}`, { force: true });
  for (let index = KEPT - 1; index >= 1; index -= 1) {
    await rename(`${path}.${index}`, `${path}.${index + 1}`).catch(() => undefined);
  }
}

async function isLarge(path: string, limitBytes: number): Promise<boolean> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  return size >= limitBytes;
}

/** Moves a log that has grown past 10 MB away, at a start; three old ones are kept. */
export async function rotateLog(path: string, limitBytes: number = LIMIT_BYTES): Promise<void> {
  if (!(await isLarge(path, limitBytes))) return;
  await makeRoom(path);
  await rename(path, `${path}.1`);
}

/**
 * The same while it is written: all writers append, so the file is copied and emptied under them. What is written
 * between the two is lost.
 */
export async function rotateOpenLog(path: string, limitBytes: number = LIMIT_BYTES): Promise<void> {
  if (!(await isLarge(path, limitBytes))) return;
  await makeRoom(path);
  await copyFile(path, `${path}.1`);
  await truncate(path);
}

/** Keeps the logs of a folder bounded until the returned function is called. */
export function boundLogs(
  folder: string,
  options: {
    readonly limitBytes?: number;
    readonly everyMs?: number;
    readonly onError: (error: unknown) => void;
  },
): () => void {
  let busy = false;
  const look = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      for (const name of await readdir(folder)) {
        if (name.endsWith('.log')) await rotateOpenLog(join(folder, name), options.limitBytes);
      }
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void look().catch(options.onError), options.everyMs ?? LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** As pino numbers them; our own loggers write the names. */
const LEVELS: Readonly<Record<string, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
};
const LEAST_LEVEL = 40;
const SHOWN_CHARACTERS = 300;

const lineSchema = z.object({
  level: z.union([z.number(), z.string().transform((label) => LEVELS[label] ?? LEAST_LEVEL)]),
  msg: z.string().default(''),
  err: z.object({ message: z.string() }).optional(),
  correlation_id: z.string().optional(),
});

/** Fit for the console: lines may hold the words of agents. */
const told = (text: string): string => shorten(cleanLine(text), SHOWN_CHARACTERS);

/**
 * What a line of a child's log is worth on the console: its warnings and errors, in short; undefined for the rest.
 * Lines that are no JSON are shown only from stderr: there they come from a crash, of
 * which the stack stays in the log.
 */
export function worthTelling(line: string, fromStderr: boolean): string | undefined {
  if (!line.startsWith('{')) return fromStderr && /^\s*(?!at )\S/.test(line) ? told(line) : undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return fromStderr ? told(line) : undefined;
  }
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success || parsed.data.level < LEAST_LEVEL) return undefined;
  const { msg, err, correlation_id } = parsed.data;
  const what = err === undefined || msg.includes(err.message) ? msg : `${msg}: ${err.message}`;
  return correlation_id === undefined ? told(what) : `${told(what)} (correlation id ${told(correlation_id)})`;
}
