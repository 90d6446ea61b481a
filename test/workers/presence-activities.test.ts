import { MockActivityEnvironment } from '@temporalio/testing';
import { agentPresenceActivities } from '../../activities/agent-presence/activities.ts';
import type { ExpiryPass } from '../../contracts/agent-presence/presence.ts';

/** A shard whose passes find what is given, one after the other. */
function shard(...passes: readonly (Partial<ExpiryPass> & { next_in_ms: number })[]) {
  const looks: number[] = [];
  const { expireShard } = agentPresenceActivities({
    expireShard: async (number) => {
      const pass = passes[looks.length];
      if (pass === undefined) throw new Error('Nobody asked for another pass');
      looks.push(number);
      return { expired: 0, alert_batches: [], ...pass };
    },
  });
  const activity = new MockActivityEnvironment();
  return { looks, activity, run: () => activity.run(expireShard, 3) };
}

describe('A pass over a shard', () => {
  it('that finds nobody due soon asks for the next one a moment early', async () => {
    const { looks, run } = shard({ expired: 2, next_in_ms: 60_000 });
    expect(await run()).toEqual({ expired: 2, next_in_ms: 58_500, alert_batches: [] });
    expect(looks).toEqual([3]);
  });

  it('waits itself for whoever is due soon, and tells all who went', async () => {
    const { looks, run } = shard(
      { next_in_ms: 30 },
      { expired: 1, next_in_ms: 20 },
      { expired: 4, next_in_ms: 9_000 },
    );
    expect(await run()).toMatchObject({ expired: 5, next_in_ms: 7_500 });
    expect(looks).toHaveLength(3);
  });

  it('ends when alerts are to be delivered', async () => {
    const { run } = shard({ expired: 1, next_in_ms: 300, alert_batches: ['a'] });
    expect(await run()).toEqual({ expired: 1, next_in_ms: 300, alert_batches: ['a'] });
  });

  it('leaves the rest to another worker when this one stops', async () => {
    const { activity, run, looks } = shard({ expired: 1, next_in_ms: 4_000 });
    const passing = run();
    activity.cancel('WORKER_SHUTDOWN');
    expect(await passing).toEqual({ expired: 1, next_in_ms: 1, alert_batches: [] });
    expect(looks).toHaveLength(1);
  });

  it('shows that it lives', async () => {
    const { activity, run } = shard({ next_in_ms: 1_500 }, { next_in_ms: 60_000 });
    let beats = 0;
    activity.on('heartbeat', () => {
      beats += 1;
    });
    await run();
    expect(beats).toBeGreaterThan(0);
  });
});
