import { FakePlatform, refuse } from './support/platform.ts';
import { aTask, TASK_ID } from './support/samples.ts';
import { eucora, type SessionOptions } from './support/session.ts';

let platform: FakePlatform;
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(() => platform.reset());
afterAll(() => platform.stop());

const ROUTE = `GET /tasks/${TASK_ID}`;
const started = { started_at: '2026-11-22T07:58:00.000Z', assigned_at: '2026-11-22T07:57:30.000Z' };
const pending = aTask();
const assigned = aTask({ status: 'ASSIGNED', assigned_at: started.assigned_at });
const running = aTask({ status: 'IN_PROGRESS', ...started });
const half = { ...running, progress_percent: 50, progress_message: 'half' };
const completed = aTask({ status: 'COMPLETED', ...started, completed_at: '2026-11-22T07:59:00.000Z' });
const failed = { ...completed, status: 'FAILED' as const, error_message: 'exit code 1' };

const watch = (rest = '', options: SessionOptions = {}) =>
  eucora(platform, `tasks watch ${TASK_ID}${rest}`, options);
const replies = (...tasks: readonly unknown[]) =>
  platform.sequence(
    ROUTE,
    tasks.map((json) => ({ json })),
  );

it('prints a line for each change, with its time, until the task has ended', async () => {
  replies(pending, pending, assigned, running, half, half, completed);
  const { code, stdout, stderr, pauses } = await watch();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(
    [
      '2026-11-22 07:57:00Z  PENDING',
      '2026-11-22 07:57:30Z  ASSIGNED',
      '2026-11-22 07:58:00Z  IN_PROGRESS',
      '2026-11-22 08:00:02Z  IN_PROGRESS  50 %  half',
      '2026-11-22 07:59:00Z  COMPLETED',
      '',
    ].join('\n'),
  );
  expect(pauses.slice(0, 4)).toEqual([500, 750, 500, 500]);
});

it('asks less and less often while nothing changes', async () => {
  platform.sequence(ROUTE, [...Array.from({ length: 12 }, () => ({ json: pending })), { json: completed }]);
  const { pauses } = await watch();
  expect(Math.max(...pauses)).toBe(5_000);
  expect([...pauses]).toEqual([...pauses].sort((a, b) => a - b));
});

it('ends with 4 when the task did not complete, and says why', async () => {
  replies(running, failed);
  const { code, stdout, stderr } = await watch();
  expect(code).toBe(4);
  expect(stdout).toContain('FAILED  exit code 1');
  expect(stderr).toContain('The task ended as FAILED');
  expect(stderr).toContain(`eucora tasks retry ${TASK_ID}`);
});

it('ends with 4 without a reason, too', async () => {
  replies(aTask({ status: 'CANCELLED', retry_count: 2 }));
  const { code, stdout } = await watch();
  expect(code).toBe(4);
  expect(stdout).toContain('CANCELLED  retry 2 of 3');
});

it('tells the time of the look where the platform knows none', async () => {
  replies(
    aTask({ retry_count: 1 }),
    aTask({ status: 'ASSIGNED' }),
    aTask({ status: 'IN_PROGRESS' }),
    completed,
  );
  const { stdout } = await watch();
  expect(stdout).toContain('2026-11-22 08:00:00Z  PENDING  retry 1 of 3\n2026-11-22 08:00:00Z  ASSIGNED\n');
});

it('gives programs one JSON value a line', async () => {
  replies(pending, pending, completed);
  const { stdout } = await watch(' --json');
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([pending, completed]);
});

it('keeps one line up to date on a terminal, and shows controls of agents as text', async () => {
  replies(running, { ...half, progress_message: `\u001b[1A${'x'.repeat(60)}` }, completed);
  const { stdout } = await watch('', { tty: true, columns: 70, env: { NO_COLOR: '1' } });
  const lines = stdout.split('\n');
  expect(lines).toHaveLength(3);
  const updates = lines[0]?.split('\r\u001b[2K') ?? [];
  expect(updates).toHaveLength(3);
  expect(updates[1]).toBe('2026-11-22 07:58:00Z  IN_PROGRESS  (3 min 00 s)');
  expect(updates[2]).toContain('\\u001b[1Axxx');
  expect(updates[2]).toHaveLength(69);
  expect(lines[1]).toContain('COMPLETED');
});

it.each([undefined, 0])('takes 80 columns for granted when the terminal says %s', async (columns) => {
  replies({ ...completed, error_message: 'x'.repeat(200) });
  const { stdout } = await watch('', {
    tty: true,
    env: { TERM: 'dumb' },
    ...(columns === undefined ? {} : { columns }),
  });
  expect(stdout.replace('\r\u001b[2K', '').trimEnd()).toHaveLength(79);
});

it('survives an outage and says so once each time', async () => {
  const lost = { hangUp: true };
  platform.sequence(ROUTE, [
    { json: running },
    ...Array(9).fill(lost),
    { json: running },
    { json: completed },
  ]);
  const { code, stderr } = await watch('', { tty: true });
  expect(code).toBe(0);
  expect(stderr).toBe('the platform does not answer; trying on\nthe platform answers again\n');
});

it('gives up when the outage lasts longer than its patience', async () => {
  platform.on(ROUTE, refuse('unavailable'));
  const { code, stderr } = await watch(' --patience 10s');
  expect(code).toBe(3);
  expect(stderr).toContain('Code: unavailable');
});

it('does not go on when the task does not exist', async () => {
  const { code, stderr } = await watch();
  expect(code).toBe(1);
  expect(stderr).toContain('Code: not-found');
});

it('ends at once on Ctrl-C', async () => {
  platform.on(ROUTE, { json: running });
  const interrupt = new AbortController();
  const { code, stderr } = await watch('', {
    signal: interrupt.signal,
    onSleep: () => interrupt.abort(),
  });
  expect(code).toBe(130);
  expect(stderr).toContain('Interrupted');
});
