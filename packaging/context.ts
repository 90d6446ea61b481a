import type { ToolSettings } from './settings.ts';

/** Bounds of one pipeline's tools. Bytes and milliseconds. */
export interface ToolLimits {
  /** Of one run of one tool. */
  readonly timeMs: number;
  /** Address space of each process. */
  readonly memoryBytes: number;
  /** Of each file that a tool writes. */
  readonly fileBytes: number;
  /** Of one tool's output that is kept, and of its part of the log. */
  readonly outputBytes: number;
  /** Of all files of the unpacked source. */
  readonly stagedBytes: number;
  readonly stagedFiles: number;
  /** Unpacked bytes for each packed one, from the first megabyte on. */
  readonly compressionRatio: number;
}

export const DEFAULT_LIMITS: ToolLimits = {
  timeMs: 10 * 60_000,
  memoryBytes: 4 * 2 ** 30,
  fileBytes: 4 * 2 ** 30,
  outputBytes: 2 ** 20,
  stagedBytes: 8 * 2 ** 30,
  stagedFiles: 200_000,
  compressionRatio: 200,
};

/** What every packaging step is given. The steps know nothing of pipelines, databases or workflows. */
export interface ToolContext {
  /** Absolute path of a folder that belongs to this pipeline alone (0700); steps make what they need in it. */
  readonly workspace: string;
  /** Aborting it kills the running tool with all its children. */
  readonly signal: AbortSignal;
  /** The live build log: one line without its end, printable, at most 2,000 characters. */
  readonly log: (line: string) => void;
  /** A sign of life, several a minute while something goes on. */
  readonly progress: (detail: string) => void;
  readonly limits: ToolLimits;
  readonly settings: ToolSettings;
}
