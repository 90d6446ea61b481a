import { EXIT_CODES } from '../../../cli/client/errors.ts';
import { ERROR_CODES, ERRORS } from '../../../contracts/http/errors.ts';
import { FakePlatform, pageWith, type Reply, refuse } from './support/platform.ts';
import { anIdentity } from './support/samples.ts';
import { eucora } from './support/session.ts';

let platform: FakePlatform;
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(() => platform.reset());
afterAll(() => platform.stop());

describe('problems of the platform', () => {
  it.each(ERROR_CODES)('%s: title, detail, what to do, code, correlation id', async (code) => {
    platform.on('GET /whoami', refuse(code));
    const outcome = await eucora(platform, 'whoami');
    const { status, title } = ERRORS[code];
    expect(outcome.code).toBe(status >= 500 || status === 429 ? 3 : 1);
    expect(outcome.stdout).toBe('');
    const lines = outcome.stderr.split('\n');
    expect(lines.slice(0, 2)).toEqual([`eucora: ${title}`, '  Said by the platform.']);
    expect(lines[2]).toMatch(/^ {2}What to do: .+\.$/);
    expect(lines.slice(3)).toEqual([
      `  Code: ${code} (docs/errors/${code}.md)`,
      '  Correlation id: corr-p',
      '',
    ]);
  });

  it('names the values that were not accepted', async () => {
    const errors = [{ path: 'payload.script', message: 'is missing' }];
    platform.on('GET /whoami', refuse('validation-failed', { errors }));
    expect((await eucora(platform, 'whoami')).stderr).toContain('  payload.script: is missing\n');
  });

  it('gives programs one JSON object on standard error', async () => {
    platform.on('GET /whoami', refuse('forbidden'));
    const { stdout, stderr } = await eucora(platform, 'whoami --json');
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toEqual({
      error: {
        title: ERRORS.forbidden.title,
        detail: 'Said by the platform.',
        hint: expect.any(String),
        code: 'forbidden',
        correlation_id: 'corr-p',
        exit_code: 1,
      },
    });
  });

  it('a bad token', async () => {
    const { code, stderr } = await eucora(platform, 'whoami', { env: { EUCORA_TOKEN: 'bad' } });
    expect(code).toBe(1);
    expect(stderr).toContain('Code: unauthenticated');
    expect(stderr).not.toMatch(/\bbad\b/);
  });
});

describe('answers that are none', () => {
  it.each<[string, Reply]>([
    ['not JSON', { text: '<html>' }],
    ['JSON that differs from the contract', { json: { name: 5 } }],
    ['an empty body', { status: 204 }],
    ['a problem page of something else', { status: 404, text: '<html>' }],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
  ])('%s', async (_what, reply) => {
    platform.on('GET /whoami', reply);
    const { code, stdout, stderr } = await eucora(platform, 'whoami');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain(`(status ${reply.status ?? 200}) was not understood`);
    expect(stderr).toContain('Correlation id: corr-answer');
  });

  it('still has a correlation id when the answer has none', async () => {
    platform.on('GET /whoami', { text: 'x', headers: { 'x-correlation-id': '' } });
    expect((await eucora(platform, 'whoami')).stderr).toContain('was not understood');
  });
});

describe('the way there', () => {
  it('is tried again for what only reads', async () => {
    platform.sequence('GET /whoami', [
      { hangUp: true },
      { status: 502 },
      refuse('unavailable'),
      { json: anIdentity },
    ]);
    const { code, pauses } = await eucora(platform, 'whoami');
    expect({ code, pauses }).toEqual({ code: 0, pauses: [250, 1_000, 2_500] });
  });

  it('is given up after some attempts', async () => {
    platform.on('GET /whoami', { hangUp: true });
    const { code, stderr } = await eucora(platform, 'whoami');
    expect(code).toBe(3);
    expect(stderr).toContain(`The platform at ${platform.url} was not reached`);
    expect(platform.seen).toHaveLength(4);
  });

  it('is not there at all', async () => {
    const { code, stderr } = await eucora(platform, 'whoami --api http://127.0.0.1:1');
    expect(code).toBe(3);
    expect(stderr).toContain('ECONNREFUSED');
    expect(stderr).toContain('Is it running');
  });

  it('is broken off in the middle of an answer', async () => {
    platform.on('GET /whoami', { text: '{', headers: { 'content-length': '1000' }, cut: true });
    const { code } = await eucora(platform, 'whoami');
    expect(code).toBe(3);
  });

  it('is broken off by Ctrl-C', async () => {
    const interrupt = new AbortController();
    platform.on('GET /whoami', () => {
      interrupt.abort();
      return { json: anIdentity };
    });
    const { code, stderr } = await eucora(platform, 'whoami', { signal: interrupt.signal });
    expect(code).toBe(130);
    expect(stderr).toBe('eucora: Interrupted\n');
  });
});

describe('wrong use', () => {
  it.each([
    ['frobnicate', "unknown command 'frobnicate'"],
    ['agents lsit', "unknown command 'lsit'"],
    ['agents list --colour', "unknown option '--colour'"],
    ['agents list extra', 'too many arguments'],
    ['agents show', "missing required argument 'id'"],
    ['agents list --limit 0', 'whole number from 1'],
    ['agents list --limit many', 'whole number from 1'],
    ['agents list --heartbeat-after yesterday', 'Give a time as'],
    ['agents list --heartbeat-after 2026-13-45', 'Give a time as'],
    ['tasks list --correlation a/b', 'Letters, digits'],
  ])('%s', async (line, told) => {
    const { code, stdout, stderr } = await eucora(platform, line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(told);
    expect(stderr).toContain('What to do: See --help.');
  });

  it('a group without a command shows its help', async () => {
    const { code, stderr } = await eucora(platform, 'agents');
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: eucora agents');
  });
});

it('explains itself, with every exit status', async () => {
  const { code, stdout, stderr } = await eucora(undefined, '--help', { tty: true, columns: 120 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const { code: status, meaning } of Object.values(EXIT_CODES)) {
    expect(stdout).toContain(`${status}  ${meaning}`);
  }
});

it.each(['--version', '-V'])('tells its version with %s', async (flag) => {
  expect(await eucora(undefined, flag)).toMatchObject({ code: 0, stdout: '9.9.9\n' });
});

it('tells a mistake of its own, too', async () => {
  const runPlatform = async () => {
    throw new Error('boom');
  };
  const { code, stderr } = await eucora(undefined, 'platform start', { runPlatform });
  expect(code).toBe(3);
  expect(stderr).toContain('boom');
  const nameless = await eucora(undefined, 'platform start', { runPlatform: () => Promise.reject('odd') });
  expect(nameless.stderr).toContain('odd');
});

it('answers with an empty page as JSON, too', async () => {
  platform.on('GET /agents', pageWith([]));
  expect((await eucora(platform, 'agents list --json')).json()).toEqual({ items: [], next_cursor: null });
});
