import { MockActivityEnvironment } from '@temporalio/testing';
import { allAlive } from '../../activities/alive.ts';

const activities = (until: Promise<void>) =>
  allAlive({
    wait: async (answer: string) => {
      await until;
      return answer;
    },
    fail: async () => {
      throw new Error('broken');
    },
  });

it('an activity shows that it lives as long as it waits, and answers as it would', async () => {
  const env = new MockActivityEnvironment();
  const beaten = new Promise<void>((done) => env.once('heartbeat', () => done()));
  expect(await env.run(activities(beaten).wait, 'done')).toBe('done');
});

it('an activity that has ended beats no more, also when it failed', async () => {
  const stopped = jest.spyOn(globalThis, 'clearInterval');
  await expect(new MockActivityEnvironment().run(activities(Promise.resolve()).fail)).rejects.toThrow(
    'broken',
  );
  expect(stopped).toHaveBeenCalledTimes(1);
  stopped.mockRestore();
});
