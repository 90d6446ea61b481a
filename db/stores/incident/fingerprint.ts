import { createHash } from 'node:crypto';
import { exitCodeIn, normaliseError } from '../../../contracts/incident/fingerprint.ts';

/** Of a failed task, what decides which failures it is like. */
export interface FailedTask {
  readonly platform: string;
  readonly task_type: string;
  readonly package_name: string | null;
  readonly exit_code: number | null;
  readonly error_message: string | null;
}

export interface Fingerprint {
  readonly hash: string;
  readonly error: string;
  readonly exitCode: number | null;
}

/** 128 bits over platform, kind of task, package, exit code and normalised error text. */
export function fingerprintOf(task: FailedTask): Fingerprint {
  const text = task.error_message ?? '';
  const error = normaliseError(text);
  const exitCode = task.exit_code ?? exitCodeIn(text);
  const parts = [task.platform, task.task_type, task.package_name ?? '', exitCode, error];
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  return { hash, error, exitCode };
}
