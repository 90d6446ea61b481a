import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type INTERPRETERS, remediatePayload } from '../../contracts/agent-task/payload.ts';
import { markProcess } from '../process/orphans.ts';
import type { Run } from '../process/run.ts';
import { hasCode } from '../storage/files.ts';
import { completed, type Executor, failed, payloadOf } from './executor.ts';

export interface RemediateOptions {
  /** Private folder in which every script gets one of its own. */
  readonly scratch: string;
  readonly run: Run;
  readonly env: Readonly<Record<string, string>>;
  readonly platform?: NodeJS.Platform;
  readonly killGraceMs?: number;
}

type Interpreter = (typeof INTERPRETERS)[number];
interface Invocation {
  readonly file: string;
  readonly command: string;
  readonly args: readonly string[];
}

const SCRIPT_MODE = 0o700;
const OUTPUT_BYTES = 65_536;

/** The script is always a file that is named to the interpreter, never part of a command line. */
function invocation(interpreter: Interpreter, platform: NodeJS.Platform): Invocation {
  switch (interpreter) {
    case 'powershell':
      return {
        file: 'script.ps1',
        command: platform === 'win32' ? 'powershell' : 'pwsh',
        args: ['-NoProfile', '-NonInteractive', '-ExecutionPolicy', 'Bypass', '-File'],
      };
    case 'cmd':
      return { file: 'script.cmd', command: 'cmd', args: ['/d', '/q', '/c'] };
    case 'python3':
      return { file: 'script.py', command: platform === 'win32' ? 'python' : 'python3', args: [] };
    default:
      return { file: 'script.sh', command: interpreter, args: [] };
  }
}

/** REMEDIATE: runs a script; exit code 0 completes the task, anything else fails it, output told either way. */
export function remediateExecutor(options: RemediateOptions): Executor {
  const platform = options.platform ?? process.platform;
  return async ({ task, signal, progress }) => {
    const payload = payloadOf(remediatePayload, task);
    const { file, command, args } = invocation(payload.interpreter, platform);
    const directory = await mkdtemp(join(options.scratch, 'script-'));
    let marked: Promise<void> = Promise.resolve();
    try {
      const path = join(directory, file);
      await writeFile(path, payload.script, { mode: SCRIPT_MODE });
      progress(null, `Running the script by ${command}`);
      const ran = await options.run(command, [...args, path], {
        cwd: directory,
        env: {
          ...options.env,
          EUCORA_TASK_ID: task.id,
          EUCORA_CORRELATION_ID: task.correlation_id,
        },
        timeLimitMs: payload.time_limit_seconds * 1_000,
        maxOutputBytes: OUTPUT_BYTES,
        signal,
        onStart: (pid) => {
          marked = markProcess(directory, pid).catch(() => undefined);
        },
        ...(options.killGraceMs === undefined ? {} : { killGraceMs: options.killGraceMs }),
      });
      const result = {
        exit_code: ran.exitCode,
        signal: ran.signal,
        stdout: ran.stdout,
        stderr: ran.stderr,
        stdout_truncated: ran.stdoutTruncated,
        stderr_truncated: ran.stderrTruncated,
        timed_out: ran.timedOut,
        duration_ms: ran.durationMs,
      };
      if (ran.timedOut) {
        return failed(
          `The script did not end within ${payload.time_limit_seconds} s and was stopped`,
          result,
        );
      }
      if (ran.exitCode !== 0) {
        const how = ran.exitCode === null ? `by signal ${ran.signal}` : `with exit code ${ran.exitCode}`;
        return failed(`The script ended ${how}`, result);
      }
      return completed(result);
    } catch (error) {
      if (hasCode(error, 'ENOENT') && !signal.aborted) {
        return failed(`The interpreter ${command} is not installed on this machine`);
      }
      throw error;
    } finally {
      await marked;
      await rm(directory, { recursive: true, force: true });
    }
  };
}
