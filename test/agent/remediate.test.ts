import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killTree } from '../../agent/process/kill.ts';
import { killOrphans, markProcess } from '../../agent/process/orphans.ts';
import { type Run, type RunOptions, run } from '../../agent/process/run.ts';
import { bootId, processStart } from '../../agent/storage/lock.ts';
import { completed, failed, payloadOf } from '../../agent/tasks/executor.ts';
import { remediateExecutor } from '../../agent/tasks/remediate.ts';
import { collectPayload } from '../../contracts/agent-task/payload.ts';
import { executionOf } from './execution.ts';
import { eventually, isAlive, NO_PID, ranWith, removeFolders, temporaryFolder } from './support.ts';

afterAll(removeFolders);
const env = { PATH: process.env['PATH'] ?? '' };

/** Runs with more and more time until the program had enough of it to begin, and so to print. */
async function withEnoughTime<T>(
  firstSeconds: number,
  attempt: (seconds: number) => Promise<T>,
  stdoutOf: (result: T) => unknown,
): Promise<T> {
  for (let seconds = firstSeconds; ; seconds *= 2) {
    const result = await attempt(seconds);
    if (stdoutOf(result) !== '' || seconds > 16) return result;
  }
}

describe('programs', () => {
  it('are run without a shell, with their own environment', async () => {
    const result = await run('printf', ['%s', '$HOME; echo x'], { env });
    expect(result).toMatchObject({
      exitCode: 0,
      signal: null,
      stdout: '$HOME; echo x',
      stderr: '',
      timedOut: false,
    });
    expect((await run('env', [], { env: { ...env, A: 'b' } })).stdout).not.toContain('JEST');
  });

  it('that are missing reject', async () => {
    await expect(run('no-such-program-here', [], { env })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('are bounded in what they print', async () => {
    const result = await run('sh', ['-c', 'head -c 300000 /dev/zero | tr "\\0" x; echo END'], {
      env,
      maxOutputBytes: 65_536,
    });
    expect(result.stdoutTruncated).toBe(true);
    expect(result.stdout.length).toBeLessThan(66_000);
    expect(result.stdout).toMatch(/bytes left out[\s\S]*END\n$/);
  });

  it('may print to a file, of which beginning and end are told', async () => {
    const outputFile = join(temporaryFolder(), 'output');
    const script = 'echo first; yes x | head -c 200000; echo last >&2';
    const ran = await run('sh', ['-c', script], { env, outputFile, maxOutputBytes: 1_000 });
    expect(ran).toMatchObject({ exitCode: 0, stderr: '', stdoutTruncated: true });
    expect(ran.stdout).toMatch(/^first\n[\s\S]*last\n$/);
    expect(statSync(outputFile).mode & 0o777).toBe(0o600);
    const gone = await run('rm', [outputFile], { env, outputFile });
    expect(gone).toMatchObject({ exitCode: 0, stdout: '[its output is gone]' });
    await expect(run('true', [], { env, outputFile: '/no/such/folder/x' })).rejects.toThrow(/ENOENT/);
  });

  it('are killed with all their children when their time is up, also when they do not want to', async () => {
    const script = 'trap "" TERM; (trap "" TERM; sleep 600) & echo $!; sleep 600; sleep 600';
    const result = await withEnoughTime(
      0.3,
      (seconds) => run('sh', ['-c', script], { env, timeLimitMs: seconds * 1_000, killGraceMs: 200 }),
      ({ stdout }) => stdout,
    );
    expect(result).toMatchObject({ timedOut: true, exitCode: null, signal: 'SIGKILL' });
    const child = Number(result.stdout);
    expect(child).toBeGreaterThan(1);
    await eventually(() => !isAlive(child));
  });

  it('end with the reason of an abort', async () => {
    await expect(
      run('sleep', ['60'], { env, signal: AbortSignal.abort(new Error('before')) }),
    ).rejects.toThrow('before');
    const abort = new AbortController();
    const running = run('sleep', ['60'], { env, signal: abort.signal });
    abort.abort(new Error('platform says stop'));
    await expect(running).rejects.toThrow('platform says stop');
  });

  it('are not waited for because of what they leave in the background', async () => {
    const result = await run('sh', ['-c', 'sleep 600 & echo $!; exit 4'], { env });
    expect(result.exitCode).toBe(4);
    const left = Number(result.stdout);
    expect(isAlive(left)).toBe(true);
    process.kill(left, 'SIGKILL');
  });

  it('may be gone already when they are killed', () => {
    killTree(undefined, 0)();
    killTree(NO_PID, 0, 'win32')();
    killTree(NO_PID, 0, 'linux')();
  });
});

describe('orphans', () => {
  it('of an agent that died are ended, others that have their pid by now are not', async () => {
    const scratch = temporaryFolder();
    for (const name of ['a', 'b', 'c', 'empty']) mkdirSync(join(scratch, name));
    const boot = await bootId();
    const orphan = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    const ended = new Promise((resolve) => orphan.once('exit', resolve));
    const pid = orphan.pid ?? 0;
    await markProcess(join(scratch, 'a'), pid);
    await markProcess(join(scratch, 'empty'), NO_PID);
    writeFileSync(join(scratch, 'b/process.json'), JSON.stringify({ pid: process.pid, started: '1', boot }));
    // Of an earlier boot: pid and time mean nothing now.
    writeFileSync(
      join(scratch, 'c/process.json'),
      JSON.stringify({ pid: process.pid, started: await processStart(process.pid), boot: 'earlier' }),
    );
    expect(await killOrphans(scratch)).toBe(1);
    await ended;
    expect(readdirSync(join(scratch, 'empty'))).toEqual([]);
  });
});

describe('REMEDIATE', () => {
  const scratch = temporaryFolder();
  const execute = remediateExecutor({ scratch, run, env: { ...env, TZ: 'UTC' }, killGraceMs: 100 });

  it('runs the script privately and tells output and exit code', async () => {
    const script =
      'echo out; echo err >&2; stat -c %a "$0" . ; echo "$EUCORA_TASK_ID $EUCORA_CORRELATION_ID"';
    const execution = executionOf({ script });
    const outcome = await execute(execution);
    expect(outcome).toMatchObject({
      word: 'complete',
      body: {
        result: {
          exit_code: 0,
          stdout: `out\n700\n700\n${execution.task.id} c-1\n`,
          stderr: 'err\n',
          stdout_truncated: false,
          timed_out: false,
          duration_ms: expect.any(Number),
        },
      },
    });
    expect(readdirSync(scratch)).toEqual([]);
    expect(statSync(scratch).isDirectory()).toBe(true);
  });

  it('fails by exit code, by signal and by time, with the output so far', async () => {
    expect(await execute(executionOf({ script: 'echo x; exit 7' }))).toMatchObject({
      word: 'fail',
      body: { error_message: 'The script ended with exit code 7', result: { exit_code: 7, stdout: 'x\n' } },
    });
    expect(await execute(executionOf({ script: 'kill -9 $$' }))).toMatchObject({
      body: { error_message: 'The script ended by signal SIGKILL' },
    });
    const late = await withEnoughTime(
      1,
      (seconds) => execute(executionOf({ script: 'echo y; sleep 600', time_limit_seconds: seconds })),
      (ended) => ended.word === 'fail' && ended.body.result?.['stdout'],
    );
    expect(late).toMatchObject({
      body: {
        error_message: expect.stringMatching(/within \d+ s/),
        result: { timed_out: true, stdout: 'y\n' },
      },
    });
  });

  it('runs python', async () => {
    const outcome = await execute(executionOf({ script: 'print(6 * 7)', interpreter: 'python3' }));
    expect(outcome).toMatchObject({ body: { result: { stdout: '42\n' } } });
  });

  it('says when the interpreter is missing', async () => {
    expect(await execute(executionOf({ script: 'x', interpreter: 'powershell' }))).toMatchObject({
      word: 'fail',
      body: { error_message: 'The interpreter pwsh is not installed on this machine' },
    });
  });

  it('passes on why it was stopped, and a payload that does not fit', async () => {
    const abort = new AbortController();
    const stopped = execute(executionOf({ script: 'sleep 30' }, abort.signal));
    setTimeout(() => abort.abort(new Error('cancelled')), 100);
    await expect(stopped).rejects.toThrow('cancelled');
    await expect(execute(executionOf({ interpreter: 'perl' }))).rejects.toThrow(/script: .*interpreter: /);
  });

  it.each([
    ['win32', 'powershell', 'powershell', /script\.ps1$/],
    ['win32', 'cmd', 'cmd', /script\.cmd$/],
    ['win32', 'python3', 'python', /script\.py$/],
    ['linux', 'bash', 'bash', /script\.sh$/],
  ] as const)('on %s, %s is run by %s', async (platform, interpreter, command, file) => {
    const calls: [string, readonly string[], RunOptions][] = [];
    const fake: Run = async (name, args, options) => {
      calls.push([name, args, options]);
      return ranWith();
    };
    await remediateExecutor({ scratch, run: fake, env, platform })(executionOf({ script: 'x', interpreter }));
    expect(calls[0]?.[0]).toBe(command);
    expect(calls[0]?.[1].at(-1)).toMatch(file);
  });
});

describe('outcomes', () => {
  it('always carry a message that can be stored', () => {
    expect(failed('')).toEqual({ word: 'fail', body: { error_message: 'The task failed' } });
    expect(failed('a\u0000', { x: 1 })).toEqual({
      word: 'fail',
      body: { error_message: 'a\ufffd', result: { x: 1 } },
    });
    expect(completed({ y: 1 })).toEqual({ word: 'complete', body: { result: { y: 1 } } });
  });

  it('name the payload itself when it is wrong as a whole', () => {
    const { task } = executionOf({ collect: [] });
    expect(() => payloadOf(collectPayload, task)).toThrow(/collect/);
    expect(() => payloadOf(collectPayload, { ...task, payload: 1 as never })).toThrow(/payload: /);
  });
});
