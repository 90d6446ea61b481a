export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface Input extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean | undefined;
}

/**
 * Runs the embedded platform until Ctrl-C, and tells on `sink` what it does. Resolves to 0 after a clean stop, 3 when
 * another one owns the data folder, anything else when it failed.
 */
export type PlatformRunner = (options: { dataDirectory: string; sink: Output }) => Promise<number>;

/** All that a command may touch of the world; tests give their own. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: Input;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Resolves after the time, or rejects when `signal` fires. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly runPlatform: PlatformRunner;
}

/** In a terminal one Ctrl-C arrives twice: from the terminal, and passed on by npm. Later it is another one. */
export const SAME_SIGNAL_MS = 500;

/** A variable that is set to more than the empty string. */
export function setting(io: Io, name: string): string | undefined {
  const value = io.env[name]?.trim();
  return value === '' ? undefined : value;
}

/** All of standard input, at most `limit` bytes. */
export async function readInput(input: Input, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > limit) throw new Error(`standard input holds more than ${limit} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The first line of standard input, for an answer to a question; empty at its end. */
export async function readLine(input: Input): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    text += Buffer.from(chunk).toString('utf8');
    if (text.includes('\n')) break;
  }
  return text.split('\n', 1)[0]?.trim() ?? '';
}
