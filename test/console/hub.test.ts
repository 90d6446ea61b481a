import { setTimeout as pause } from 'node:timers/promises';
import { Api } from '../../console/api.ts';
import { LiveHub, type LiveMessage, type LiveTopic, type Subscriber } from '../../console/live/hub.ts';
import { eventually } from '../harness/eventually.ts';

const TICK_MS = 10;

/** An operator API with audit events that grow, one value to show, and tokens that can be revoked. */
class FakeApi {
  readonly revoked = new Set<string>();
  readonly events: object[] = [];
  value = 'first';
  requests = 0;
  broken = false;
  /** Only what topics show cannot be read; the audit can. */
  renderBroken = false;

  readonly send = (path: string, init: RequestInit): Response => {
    this.requests += 1;
    const token = new Headers(init.headers).get('authorization')?.slice('Bearer '.length) ?? '';
    if (this.broken) return new Response('no JSON', { status: 502 });
    if (this.revoked.has(token)) {
      return Response.json(
        { type: 'x', title: 'x', status: 401, code: 'unauthenticated', detail: 'x', correlation_id: 'x' },
        { status: 401 },
      );
    }
    if (path.startsWith('/api/v1/audit-events'))
      return Response.json({ items: this.events.slice(-200).reverse(), next_cursor: null });
    return Response.json({ value: this.value });
  };

  happen(object_id: string): void {
    this.events.push({
      id: `01920f5e-7d2c-7c3a-9b1e-${String(this.events.length).padStart(12, '0')}`,
      at: '2026-01-01T00:00:00.000Z',
      actor_type: 'system',
      actor_id: 'x',
      action: 'x.y',
      kind: 'change',
      object_type: 'thing',
      object_id,
      before: null,
      after: null,
      correlation_id: null,
    });
  }
}

const thing = (fake: FakeApi): LiveTopic => ({
  concerns: ({ object_id }, id) => object_id === id,
  render: async () => {
    fake.requests += 1;
    if (fake.renderBroken) throw new Error('passing');
    return fake.value;
  },
});

function reader(fake: FakeApi, token = 'a', topics = ['thing:1']) {
  const got: LiveMessage[] = [];
  const state = { ended: false };
  const subscriber: Subscriber = {
    api: new Api(fake.send, token),
    token,
    topics,
    offer: (message) => got.push(message),
    end: () => {
      state.ended = true;
    },
  };
  return { subscriber, got, state };
}

const until = (check: () => boolean): Promise<void> => eventually(() => expect(check()).toBe(true));

describe('Live pages', () => {
  let fake: FakeApi;
  let hub: LiveHub;
  const endings: (() => void)[] = [];

  beforeEach(() => {
    fake = new FakeApi();
    fake.happen('0');
    hub = new LiveHub({ thing: thing(fake) }, TICK_MS);
  });
  afterEach(() => {
    for (const end of endings.splice(0)) end();
  });
  const join = (one: { subscriber: Subscriber }, known?: string) =>
    endings.push(hub.subscribe(one.subscriber, known));

  it('get what a topic shows, and then each change of it', async () => {
    const one = reader(fake);
    join(one);
    await until(() => one.got.length === 1);
    fake.value = 'second';
    fake.happen('1');
    await until(() => one.got.length === 2);
    expect(one.got.map(({ html }) => html)).toEqual(['first', 'second']);
  });

  it('show what grows without being audited, until it says that it has ended', async () => {
    hub = new LiveHub({ thing: { ...thing(fake), restless: (html) => html !== 'ended' } }, TICK_MS);
    const one = reader(fake);
    join(one);
    await until(() => one.got.length === 1);
    fake.value = 'grown';
    await until(() => one.got.length === 2);
    fake.value = 'ended';
    await until(() => one.got.length === 3);
    fake.value = 'later';
    const reads = hub.reads;
    await until(() => hub.reads > reads + 3);
    expect(one.got.map(({ html }) => html)).toEqual(['first', 'grown', 'ended']);
  });

  it('are not told of what happens to others, nor of a change that shows nothing new', async () => {
    const one = reader(fake);
    join(one);
    await until(() => one.got.length === 1);
    fake.value = 'second';
    fake.happen('2');
    const reads = hub.reads;
    await until(() => hub.reads > reads + 3);
    expect(one.got).toHaveLength(1);
  });

  it('miss nothing when more happens at once than one look shows', async () => {
    const one = reader(fake);
    join(one);
    await until(() => one.got.length === 1);
    fake.value = 'second';
    fake.happen('1');
    for (let index = 0; index < 300; index += 1) fake.happen('9');
    await until(() => one.got.length === 2);
  });

  it('cost the platform as much for a thousand readers as for one', async () => {
    const readers = Array.from({ length: 1_000 }, () => reader(fake));
    for (const one of readers) join(one);
    await until(() => readers.every(({ got }) => got.length === 1));
    // A look at the audit and a rendering; the thousand others cost nothing.
    expect(fake.requests).toBe(hub.reads);
    expect(hub.reads).toBeLessThan(10);
    fake.value = 'second';
    fake.happen('1');
    await until(() => readers.every(({ got }) => got.length === 2));
  });

  it('come back with what they had last and are told only what is new', async () => {
    const one = reader(fake);
    join(one);
    await until(() => one.got.length === 1);
    const again = reader(fake);
    join(again, one.got[0]?.version);
    const late = reader(fake);
    join(late);
    expect(again.got).toEqual([]);
    expect(late.got).toHaveLength(1);
  });

  it('end for a revoked token, and go on by the token of another reader', async () => {
    const gone = reader(fake, 'gone');
    const stays = reader(fake, 'stays');
    join(gone);
    join(stays);
    await until(() => stays.got.length === 1);
    fake.revoked.add('gone');
    await until(() => gone.state.ended);
    fake.value = 'second';
    fake.happen('1');
    await until(() => stays.got.length === 2);
    expect(stays.state.ended).toBe(false);
    expect(hub.subscribers).toBe(1);
  });

  it('end for a token that was revoked although others did the reading', async () => {
    hub = new LiveHub({ thing: thing(fake) }, TICK_MS, 5 * TICK_MS);
    const first = reader(fake, 'first');
    const second = reader(fake, 'second');
    join(first);
    join(second);
    await until(() => second.got.length === 1);
    fake.revoked.add('second');
    await until(() => second.state.ended);
    expect([first.state.ended, hub.subscribers]).toEqual([false, 1]);
  });

  it('go on when the platform answers again', async () => {
    const one = reader(fake);
    join(one);
    await until(() => one.got.length === 1);
    fake.broken = true;
    const reads = hub.reads;
    await until(() => hub.reads > reads + 3);
    fake.value = 'second';
    fake.happen('1');
    fake.broken = false;
    await until(() => one.got.length === 2);
    expect(hub.knows('nothing:1')).toBe(false);
  });

  it('show a change that could not be read when it happened, though nothing happens after it', async () => {
    const one = reader(fake);
    join(one);
    await until(() => one.got.length === 1);
    fake.renderBroken = true;
    fake.value = 'second';
    fake.happen('1');
    const requests = fake.requests;
    const reads = hub.reads;
    // Tried at the event and again, beside the looks at the audit.
    await until(() => hub.reads > reads + 6 && fake.requests > requests + 6);
    expect(one.got).toHaveLength(1);
    fake.renderBroken = false;
    await until(() => one.got.length === 2);
    expect(one.got.at(-1)?.html).toBe('second');
    // And is left alone again once it was read.
    fake.value = 'unaudited';
    const later = hub.reads;
    await until(() => hub.reads > later + 3);
    expect(one.got).toHaveLength(2);
  });

  it('cost nothing while nobody reads', async () => {
    const one = reader(fake);
    const end = hub.subscribe(one.subscriber, undefined);
    await until(() => one.got.length === 1);
    end();
    await pause(5 * TICK_MS);
    const before = fake.requests;
    await pause(10 * TICK_MS);
    expect(fake.requests).toBe(before);
  });
});
