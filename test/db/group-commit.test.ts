import { GroupCommit, OverloadedError } from '../../db/batch/group-commit.ts';

const OPTIONS = { maxBatch: 3, maxWaitMs: 5, maxConcurrent: 1, maxWaiting: 7 };

/** A commit that ends when told to. */
function gate() {
  const batches: number[][] = [];
  const open: (() => void)[] = [];
  return {
    batches,
    commit: async (items: readonly number[]) => {
      batches.push([...items]);
      await new Promise<void>((resolve) => open.push(resolve));
      return items.map((item) => item * 10);
    },
    next: () => open.shift()?.(),
  };
}

const pause = (ms = 10) => new Promise((resolve) => setTimeout(resolve, ms));

it('items wait a moment for company and are answered one by one, in their order', async () => {
  const group = new GroupCommit(async (items: readonly number[]) => items.map((item) => item * 10), OPTIONS);
  expect(await Promise.all([group.submit(1), group.submit(2)])).toEqual([10, 20]);
});

it('a full batch does not wait; the next begins when a place is free', async () => {
  const { batches, commit, next } = gate();
  const group = new GroupCommit(commit, OPTIONS);
  const answers = Promise.all([1, 2, 3, 4, 5].map((item) => group.submit(item)));
  expect(batches).toEqual([[1, 2, 3]]);
  await pause();
  expect(batches).toHaveLength(1);
  next();
  await pause(20);
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
  next();
  expect(await answers).toEqual([10, 20, 30, 40, 50]);
});

it('callers beyond the limit are turned away at once, and those before it are served', async () => {
  const { commit, next } = gate();
  const group = new GroupCommit(commit, OPTIONS);
  const served = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((item) => group.submit(item));
  await expect(group.submit(11)).rejects.toThrow(OverloadedError);
  for (let round = 0; round < 5; round += 1) {
    next();
    await pause();
  }
  expect(await Promise.all(served)).toHaveLength(10);
});

it('an error reaches every caller of its batch and nobody else', async () => {
  let fail = true;
  const group = new GroupCommit(async (items: readonly number[]) => {
    if (fail) throw new Error('broken');
    return items;
  }, OPTIONS);
  const results = await Promise.allSettled([group.submit(1), group.submit(2)]);
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  fail = false;
  expect(await group.submit(3)).toBe(3);
});

it('a batch that is not answered item by item is an error, not a caller left waiting', async () => {
  const group = new GroupCommit<number, number>(async () => [], OPTIONS);
  await expect(group.submit(1)).rejects.toThrow('item by item');
});

it('company enough is not waited beyond the turn in which it came, and all of that turn share the batch', async () => {
  const { batches, commit, next } = gate();
  const group = new GroupCommit(commit, { ...OPTIONS, maxBatch: 10, enough: 2, maxWaitMs: 3_600_000 });
  const answers = Promise.all([1, 2, 3].map((item) => group.submit(item)));
  expect(batches).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(batches).toEqual([[1, 2, 3]]);
  next();
  expect(await answers).toEqual([10, 20, 30]);
});

it('who waited long enough while no place was free does not wait again', async () => {
  const { batches, commit, next } = gate();
  const group = new GroupCommit(commit, { ...OPTIONS, maxWaitMs: 50 });
  const first = Promise.all([1, 2, 3].map((item) => group.submit(item)));
  const second = group.submit(4);
  await pause(60);
  next();
  await first;
  await pause(5);
  expect(batches).toEqual([[1, 2, 3], [4]]);
  next();
  expect(await second).toBe(40);
});
