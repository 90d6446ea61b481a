import { condition, defineSignal, setHandler } from '@temporalio/workflow';

/** What a bare workflow is told. It carries about as much as what a task's workflow is told. */
export const told = defineSignal<[object]>('told');

/** Takes as many messages as it was asked to and ends: the least that a story with messages costs. */
export async function bareTask(_first: object, messages: number): Promise<{ status: string }> {
  let taken = 0;
  setHandler(told, () => {
    taken += 1;
  });
  await condition(() => taken >= messages);
  return { status: 'COMPLETED' };
}
