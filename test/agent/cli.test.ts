import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { type Io, main } from '../../agent/cli.ts';
import { EXIT } from '../../agent/exit-codes.ts';
import { TestPlatform } from './platform.ts';
import { eventually, removeFolders, sha256, temporaryFolder } from './support.ts';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await TestPlatform.start();
});
afterAll(async () => {
  await platform.down();
  removeFolders();
});

function settings(home = temporaryFolder()): Record<string, string> {
  const ca = join(temporaryFolder(), 'ca.pem');
  writeFileSync(ca, platform.authority.pem);
  return {
    PATH: process.env['PATH'] ?? '',
    EUCORA_AGENT_HOME: home,
    EUCORA_AGENT_SERVER: platform.url,
    EUCORA_AGENT_CA: ca,
    EUCORA_AGENT_REGISTRATION_KEY: 'good-key',
    EUCORA_AGENT_START_JITTER_SECONDS: '0',
    EUCORA_AGENT_STOP_GRACE_SECONDS: '0',
    EUCORA_AGENT_HARDWARE_ID: `machine-${home.slice(-6)}`,
  };
}

function io(args: string[], env: Record<string, string> = {}, more: Partial<Io> = {}) {
  const printed: string[] = [];
  const complained: string[] = [];
  const handlers: ((signal: NodeJS.Signals) => void)[] = [];
  const stdin = new PassThrough();
  const given: Io = {
    args,
    env,
    file: '/opt/eucora-agent.mjs',
    platform: 'linux',
    isRoot: false,
    stdin,
    print: (text) => printed.push(text),
    complain: (text) => complained.push(text),
    onSignal: (handler) => handlers.push(handler),
    ...more,
  };
  return {
    given,
    stdin,
    printed,
    complained,
    signal: () => {
      for (const handler of handlers) handler('SIGTERM');
    },
  };
}

describe('the command', () => {
  it.each([
    [['--version'], /^0\.1\.0-dev\n$/],
    [['--help'], /Usage: eucora-agent/],
    [['help'], /EUCORA_AGENT_SERVER/],
  ])('%j prints', async (args, text) => {
    const { given, printed } = io(args);
    expect(await main(given)).toBe(EXIT.ok);
    expect(printed.join('')).toMatch(text);
  });

  it.each([
    [[], /no command given/],
    [['dance'], /unknown: dance/],
    [['run', '--fast'], /unknown: --fast/],
  ])('%j is not understood', async (args, text) => {
    const { given, complained } = io(args);
    expect(await main(given)).toBe(EXIT.usage);
    expect(complained.join('')).toMatch(text);
  });

  it('says what is wrong with its settings', async () => {
    const { given, complained } = io(['work'], { EUCORA_AGENT_HOME: temporaryFolder() });
    expect(await main(given)).toBe(EXIT.configuration);
    expect(complained.join('')).toMatch(/EUCORA_AGENT_SERVER/);
  });

  it('once prints the answer to one heartbeat, or why there is none', async () => {
    const env = settings();
    const { given, printed } = io(['once'], env);
    expect(await main(given)).toBe(EXIT.ok);
    expect(JSON.parse(printed.join(''))).toMatchObject({ agent_id: expect.any(String), status: 'ONLINE' });
    const lost = io(['once'], { ...env, EUCORA_AGENT_SERVER: 'https://127.0.0.1:1' });
    expect(await main(lost.given)).toBe(EXIT.failed);
    expect(lost.complained.join('')).toMatch(/cannot be reached/);
  });

  it('work works until it is told to stop', async () => {
    const before = platform.heartbeats.length;
    const { given, signal } = io(['work'], settings());
    const ended = main(given);
    await eventually(() => platform.heartbeats.length > before);
    signal();
    expect(await ended).toBe(EXIT.ok);
  });

  it('work under a launcher ends with the launcher', async () => {
    const before = platform.heartbeats.length;
    const { given, stdin } = io(['work', '--supervised'], settings());
    const ended = main(given);
    await eventually(() => platform.heartbeats.length > before);
    stdin.end();
    expect(await ended).toBe(EXIT.ok);
  });

  it('run keeps a worker running, once a home', async () => {
    const started: string[] = [];
    let exit: (code: number | null) => void = () => undefined;
    const fake = (file: string) => {
      started.push(file);
      const exited = new Promise<number | null>((resolve) => {
        exit = resolve;
      });
      return { pid: 1, exited, stop: () => exit(0) };
    };
    const env = settings();
    const { given, signal } = io(['run'], env, { spawn: fake });
    const ended = main(given);
    await eventually(() => started.length === 1);
    const second = io(['run'], env, { spawn: fake });
    expect(await main(second.given)).toBe(EXIT.configuration);
    expect(second.complained.join('')).toMatch(/already uses/);
    signal();
    expect(await ended).toBe(EXIT.ok);
    expect(started).toEqual(['/opt/eucora-agent.mjs']);
  });
});

describe('the agent as a process', () => {
  const folder = temporaryFolder();
  const build = async (version: string) => {
    const outfile = join(folder, `agent-${version}.mjs`);
    const script = join(__dirname, '../../scripts/build-agent.mjs');
    await promisify(execFile)(process.execPath, [script, '--version', version, '--outfile', outfile]);
    return outfile;
  };
  /** Empty when the process has ended since it was listed. */
  const environmentOf = (pid: string | undefined): string => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8');
    } catch {
      return '';
    }
  };
  const workersOf = async (home: string): Promise<number[]> => {
    const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid,stat,args']).catch(() => ({
      stdout: '',
    }));
    const pids: number[] = [];
    for (const line of stdout.split('\n')) {
      const [pid, state, ...args] = line.trim().split(/\s+/);
      if (!args.includes('--supervised') || state?.startsWith('Z')) continue;
      if (environmentOf(pid).includes(`EUCORA_AGENT_HOME=${home}\0`)) pids.push(Number(pid));
    }
    return pids;
  };

  it('updates itself, goes back from what does not come up, survives its worker, and dies with its launcher', async () => {
    const [one, two] = await Promise.all([build('1.0.0'), build('2.0.0')]);
    const home = temporaryFolder();
    const env = settings(home);
    const lines: string[] = [];
    const launch = () => {
      const child = spawn(process.execPath, [one, 'run'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (part) => lines.push(String(part)));
      return child;
    };
    const first = launch();
    try {
      const agentId = await eventually(
        () =>
          [...platform.agents].find(
            ([, { hardwareId }]) => hardwareId === env['EUCORA_AGENT_HARDWARE_ID'],
          )?.[0],
      );
      const offer = (version: string, code: Buffer) => {
        platform.artifacts.set(sha256(code), code);
        const payload = { version, artifact: { sha256: sha256(code) }, health_timeout_seconds: 120 };
        return platform.addTask('UPDATE', payload, { agentId });
      };
      const good = offer('2.0.0', readFileSync(two));
      await eventually(() => good.status === 'COMPLETED', 'the update');
      const bad = offer('3.0.0', Buffer.from('process.exit(9);'));
      await eventually(() => bad.status === 'FAILED', 'the rollback');
      expect(bad.error).toMatch(/exit code 9.*Version 2\.0\.0 runs again/);

      const slow = platform.addTask('REMEDIATE', { script: 'sleep 60' }, { agentId });
      const scratch = join(home, 'scratch');
      const isMarked = (name: string) => existsSync(join(scratch, name, 'process.json'));
      await eventually(() => readdirSync(scratch).some(isMarked), 'the script');
      // Never 0, which would be this process's own group.
      const worker = await eventually(async () => (await workersOf(home))[0], 'the worker');
      process.kill(worker, 'SIGKILL');
      await eventually(() => slow.status === 'FAILED', 'the word on a task whose agent died');
      expect(slow.error).toMatch(/stopped while the task was running/);
      await eventually(() => lines.join('').includes('left running were ended'), 'the line on its script');

      first.kill('SIGKILL');
      await eventually(async () => (await workersOf(home)).length === 0, 'the end of the worker');
      const second = launch();
      try {
        const after = platform.addTask('COLLECT', {}, { agentId });
        await eventually(() => after.status === 'COMPLETED', 'work after the restart');
      } finally {
        second.kill('SIGTERM');
      }
      expect(await new Promise((resolve) => second.once('exit', resolve))).toBe(0);
      expect(lines.join('')).not.toMatch(/good-key|PRIVATE KEY/);
    } finally {
      first.kill('SIGKILL');
    }
  }, 300_000);
});
