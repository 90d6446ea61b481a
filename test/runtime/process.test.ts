import { createLogger } from '../../runtime/logger.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { runMain, stopOnSignals } from '../../runtime/process.ts';
import { ReadinessProbe } from '../../runtime/readiness.ts';

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('A process', () => {
  const exits: unknown[] = [];
  beforeEach(() => {
    exits.length = 0;
    jest.spyOn(process, 'exit').mockImplementation((code) => {
      exits.push(code);
      return undefined as never;
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
    for (const signal of ['SIGTERM', 'SIGINT']) process.removeAllListeners(signal);
  });

  it('stops once, in order and with status 0, however often it is told', async () => {
    const stop = jest.fn(() => Promise.resolve());
    const lines: string[] = [];
    stopOnSignals(createLogger('t', 'info', { write: (line) => lines.push(line) }), stop, false);
    process.emit('SIGTERM');
    process.emit('SIGINT');
    await settled();
    expect(stop).toHaveBeenCalledTimes(1);
    expect(exits).toEqual([0]);
    expect(lines.join('')).toContain('"reason":"SIGTERM"');
  });

  it('ends with status 1 when it cannot stop in order', async () => {
    stopOnSignals(createLogger('t', 'silent'), () => Promise.reject(new Error('stuck')), false);
    process.emit('SIGINT');
    await settled();
    expect(exits).toEqual([1]);
  });

  it('ends with status 1 when stopping takes too long', () => {
    jest.useFakeTimers();
    stopOnSignals(createLogger('t', 'silent'), () => new Promise(() => undefined), false);
    process.emit('SIGTERM');
    jest.advanceTimersByTime(25_000);
    jest.useRealTimers();
    expect(exits).toEqual([1]);
  });

  it('stops when its parent goes away, where it is asked to', async () => {
    const stop = jest.fn(() => Promise.resolve());
    const resumed = jest.spyOn(process.stdin, 'resume').mockReturnThis();
    stopOnSignals(createLogger('t', 'silent'), stop, true);
    process.stdin.emit('end');
    process.stdin.emit('error', new Error('gone'));
    for (const event of ['end', 'error']) process.stdin.removeAllListeners(event);
    expect(resumed).toHaveBeenCalled();
    await settled();
    expect(stop).toHaveBeenCalledTimes(1);
  });

  it('says on stderr why its main function failed, and ends with status 1', async () => {
    const said = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    runMain(() => Promise.reject(new Error('no configuration')));
    runMain(() => Promise.reject('just text'));
    runMain(() => Promise.reject(Object.assign(new Error('no stack'), { stack: undefined })));
    runMain(() => Promise.resolve());
    await settled();
    expect(said.mock.calls.flat().join('')).toMatch(/no configuration.*just text\n.*no stack/s);
    expect(exits).toEqual([1, 1, 1]);
  });
});

describe('A logger', () => {
  it('censors fields that hold secrets, and tells time and level as words', () => {
    const lines: string[] = [];
    const logger = createLogger('t', 'info', { write: (line) => lines.push(line) });
    logger.info({ token: 's3cret', request: { authorization: 's3cret', csr: 's3cret' } }, 'hello');
    logger.debug('not told');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('s3cret');
    expect(JSON.parse(String(lines[0]))).toMatchObject({
      level: 'info',
      name: 't',
      msg: 'hello',
      token: '[redacted]',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  it('takes every level, also none', () => {
    expect(createLogger('t', 'silent').isLevelEnabled('error')).toBe(false);
  });
});

describe('Metrics', () => {
  it('begin with those of the process', async () => {
    expect(await createMetrics().metrics()).toContain('process_cpu_seconds_total');
  });
});

describe('A readiness probe', () => {
  it('asks all at once, remembers briefly, and counts silence as down', async () => {
    let asked = 0;
    const probe = new ReadinessProbe([
      { name: 'good', check: async () => (asked += 1) },
      { name: 'bad', check: () => Promise.reject(new Error('no')) },
      { name: 'silent', check: () => new Promise(() => undefined) },
    ]);
    const [first, second] = await Promise.all([probe.check(), probe.check()]);
    expect(first).toEqual({ ready: false, checks: { good: 'up', bad: 'down', silent: 'down' } });
    expect(second).toBe(first);
    expect(asked).toBe(1);
    await probe.check();
    expect(asked).toBe(2);
  });
});
