import { createLogger, messageOf } from '../../agent/log.ts';
import { childEnvironment } from '../../agent/process/environment.ts';
import { OutputBuffer } from '../../agent/process/output.ts';
import { storable } from '../../agent/text.ts';
import { schedule, sleep, Waker } from '../../agent/timing.ts';
import { Troubles } from '../../agent/troubles.ts';

describe('log', () => {
  it('writes JSON lines, hides what sounds secret, and keeps to its level', () => {
    const lines: string[] = [];
    const log = createLogger('info', (line) => lines.push(line)).with({ role: 'test' });
    log.debug('unheard');
    log.info('heard', { registration_key: 'abc', access_token: 'def', number: 1 });
    log.warn('with an error', { error: new Error('outer', { cause: new Error('inner') }) });
    log.error('bare');
    expect(lines.join('')).not.toMatch(/abc|def/);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        level: 'info',
        message: 'heard',
        role: 'test',
        number: 1,
        access_token: '[redacted]',
      }),
      expect.objectContaining({ level: 'warn', error: 'outer: inner' }),
      expect.objectContaining({ level: 'error', message: 'bare' }),
    ]);
  });

  it('says nothing when silent', () => {
    const lines: string[] = [];
    createLogger('silent', (line) => lines.push(line)).error('unheard');
    expect(lines).toEqual([]);
  });

  it('tells an error with its causes, each once', () => {
    expect(messageOf('text')).toBe('text');
    expect(messageOf(new Error('', { cause: 'why' }))).toBe('Error: why');
    expect(messageOf(new Error('a: b', { cause: new Error('b') }))).toBe('a: b');
  });
});

describe('text', () => {
  it('is made storable', () => {
    expect(storable('a\u0000b\ud800')).toBe('a\ufffdb\ufffd');
    expect(storable('abcdef', 4)).toBe('abc…');
  });
});

describe('timing', () => {
  it('sleeps, and wakes early when aborted', async () => {
    await sleep(5);
    const abort = new AbortController();
    const slept = sleep(60_000, abort.signal);
    abort.abort();
    await slept;
    await sleep(60_000, abort.signal);
  });

  it('acts after times that are longer than timers can be, and can be called off', () => {
    jest.useFakeTimers();
    try {
      const act = jest.fn();
      schedule(30 * 86_400_000, act);
      jest.advanceTimersByTime(29 * 86_400_000);
      expect(act).not.toHaveBeenCalled();
      jest.advanceTimersByTime(2 * 86_400_000);
      expect(act).toHaveBeenCalledTimes(1);
      const never = jest.fn();
      schedule(1_000, never)();
      jest.advanceTimersByTime(2_000);
      expect(never).not.toHaveBeenCalled();
    } finally {
      jest.useRealTimers();
    }
  });

  it('wakes up whoever waits, now or next', async () => {
    const waker = new Waker();
    const { signal } = new AbortController();
    const waiting = waker.wait(60_000, signal);
    waker.wake();
    await waiting;
    waker.wake();
    await waker.wait(60_000, signal);
    await waker.wait(60_000, AbortSignal.abort());
  });
});

describe('troubles', () => {
  it('tells the latest, until its source works again or it is old', () => {
    let now = 0;
    const troubles = new Troubles(() => now);
    expect(troubles.last).toBeNull();
    troubles.report('queue', 'full');
    troubles.report('renewal', 'refused');
    expect(troubles.last).toBe('renewal: refused');
    troubles.clear('renewal');
    expect(troubles.last).toBe('queue: full');
    now = 16 * 60_000;
    expect(troubles.last).toBeNull();
  });
});

describe('environment of programs', () => {
  it('holds nothing but what is allowed', () => {
    const child = childEnvironment(
      {
        PATH: '/opt/bin:/usr/bin',
        HOME: '/root',
        EUCORA_AGENT_REGISTRATION_KEY: 'x',
        AWS_SECRET: 'y',
        LANG: undefined,
      },
      'linux',
    );
    expect(Object.keys(child).sort()).toEqual(['HOME', 'PATH']);
    expect(child['PATH']).toMatch(/^\/opt\/bin:\/usr\/bin:.*\/sbin/);
  });

  it('has a path on Linux even if the agent has none, and leaves that of Windows alone', () => {
    expect(childEnvironment({}, 'linux')['PATH']).toContain('/usr/sbin');
    expect(childEnvironment({ Path: 'C:\\Windows' }, 'win32')).toEqual({ Path: 'C:\\Windows' });
  });
});

describe('output of programs', () => {
  it('is kept whole within its bound', () => {
    const output = new OutputBuffer(10);
    output.add(Buffer.from('abc'));
    output.add(Buffer.from('defghij'));
    expect(output.truncated).toBe(false);
    expect(output.text()).toBe('abcdefghij');
  });

  it('keeps beginning and end beyond it', () => {
    const output = new OutputBuffer(10);
    for (const part of ['01234', '56789', 'abcde', 'fghij']) output.add(Buffer.from(part));
    expect(output.truncated).toBe(true);
    expect(output.text()).toBe('01234\n[… 10 bytes left out …]\nfghij');
  });
});
