import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Rollouts } from './support/rollout.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.dispose());

describe('When a pipeline ends', () => {
  const end = { step: 'sign', code: 'cancelled', message: 'Cancelled' } as const;
  /** A pipeline whose first attempt at a step has failed. */
  async function failedOnce() {
    const id = await new Rollouts(database).pipeline({ status: 'BUILDING' });
    const { progress } = database.stores.pipelines;
    await progress.beginStep(id, 'sign');
    await progress.failStep(id, 'sign', 'no answer to call 1');
    return { id, progress };
  }
  const stepOf = async (id: string) =>
    (await database.stores.pipelines.find(id))?.steps.find(({ step }) => step === 'sign');

  it('in the middle of another attempt, the step tells that, not the error of the attempt before', async () => {
    const { id, progress } = await failedOnce();
    await progress.beginStep(id, 'sign');
    expect(await stepOf(id)).toMatchObject({ status: 'RUNNING', error: 'no answer to call 1' });
    expect(await progress.fail(id, end)).toBe(true);
    expect(await stepOf(id)).toMatchObject({ status: 'FAILED', attempts: 2, error: 'cancelled' });
  });

  it('between two attempts, the error of the last one stays', async () => {
    const { id, progress } = await failedOnce();
    expect(await progress.fail(id, end)).toBe(true);
    expect(await stepOf(id)).toMatchObject({ status: 'FAILED', attempts: 1, error: 'no answer to call 1' });
  });
});
