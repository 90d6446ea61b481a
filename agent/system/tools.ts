import type { Run, RunResult } from '../process/run.ts';
import { hasCode } from '../storage/files.ts';

const OUTPUT_LIMIT = 33_554_432;
const TIME_LIMIT_MS = 60_000;

/** Programs of the operating system that the agent asks; tests put others in their place. */
export class Tools {
  readonly platform: NodeJS.Platform;
  readonly #run: Run;
  readonly #env: Readonly<Record<string, string>>;

  constructor(run: Run, env: Readonly<Record<string, string>>, platform: NodeJS.Platform = process.platform) {
    this.#run = run;
    this.#env = { ...env, LC_ALL: 'C.UTF-8' };
    this.platform = platform;
  }

  /** Runs a tool; undefined when this machine does not have it. */
  async run(
    command: string,
    args: readonly string[],
    options: {
      readonly signal?: AbortSignal;
      readonly timeLimitMs?: number;
      readonly outputFile?: string;
      readonly env?: Record<string, string>;
    } = {},
  ): Promise<RunResult | undefined> {
    try {
      return await this.#run(command, args, {
        timeLimitMs: TIME_LIMIT_MS,
        maxOutputBytes: OUTPUT_LIMIT,
        ...options,
        env: { ...this.#env, ...options.env },
      });
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'EACCES')) return undefined;
      throw error;
    }
  }

  /** What a tool prints; undefined when it is missing or fails. */
  async output(
    command: string,
    args: readonly string[],
    env: Record<string, string> = {},
    timeLimitMs = TIME_LIMIT_MS,
  ): Promise<string | undefined> {
    const result = await this.run(command, args, { env, timeLimitMs }).catch(() => undefined);
    return result?.exitCode === 0 ? result.stdout : undefined;
  }

  /** `script` is the agent’s own text; what comes from elsewhere goes by `env`, which PowerShell never parses. */
  powershell(
    script: string,
    env: Record<string, string> = {},
    timeLimitMs = TIME_LIMIT_MS,
  ): Promise<string | undefined> {
    const args = ['-NoProfile', '-NonInteractive', '-Command', script];
    return this.output('powershell', args, env, timeLimitMs);
  }
}
