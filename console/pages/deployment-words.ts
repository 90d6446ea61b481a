import type { Deployment, DeploymentRing } from '../../contracts/deployment/deployment.ts';
import { type OperatorWord, UNTOUCHED_KINDS } from '../../contracts/deployment/states.ts';

/** What each word is called, and where the API takes it. */
export const WORDS: Readonly<Record<OperatorWord, { path: string; verb: string }>> = {
  pause: { path: 'pause', verb: 'Pause' },
  resume: { path: 'resume', verb: 'Resume' },
  abort: { path: 'abort', verb: 'Abort' },
  roll_back: { path: 'rollback', verb: 'Roll back' },
};

interface Standing {
  readonly waiting: number;
  /** Those that have a task. */
  readonly atWork: number;
  /** Those that the package may have changed and that have not gone back. */
  readonly touched: number;
  readonly all: number;
}

/** How far the devices are, of the counts of all rings. */
export function standingOf(rings: readonly Pick<DeploymentRing, 'devices' | 'failures'>[]): Standing {
  const sum = (count: (ring: (typeof rings)[number]) => number): number =>
    rings.reduce((whole, ring) => whole + count(ring), 0);
  const untouched = sum(({ failures }) =>
    UNTOUCHED_KINDS.reduce((whole, kind) => whole + (failures[kind] ?? 0), 0),
  );
  const failed = sum(({ devices }) => devices.FAILED ?? 0);
  return {
    waiting: sum(({ devices }) => devices.WAITING ?? 0),
    atWork: sum(({ devices }) => devices.DISPATCHED ?? 0),
    touched: sum(({ devices }) => (devices.INSTALLED ?? 0) + (devices.SICK ?? 0)) + failed - untouched,
    all: sum(({ devices }) => Object.values(devices).reduce((whole, count) => whole + count, 0)),
  };
}

const devices = (count: number): string =>
  count === 1 ? 'one device' : `${count.toLocaleString('en')} devices`;

/** What a word will touch, and how many: for the person who is about to say it. */
export function effectOf(
  word: OperatorWord,
  deployment: Pick<Deployment, 'previous_pipeline_id'>,
  rings: Parameters<typeof standingOf>[0],
): string {
  const { waiting, atWork, touched, all } = standingOf(rings);
  const recalled =
    atWork === 0
      ? ''
      : ` Of ${devices(atWork)} with a task, those tasks are taken back that no agent has begun.`;
  switch (word) {
    case 'pause':
      return `Waiting, and given no more tasks: ${devices(waiting)}.${recalled}`;
    case 'resume':
      return `Waiting, and given tasks again, also past a ring that did not pass by itself: ${devices(waiting)}.`;
    case 'abort':
      return `Waiting, and never given the package: ${devices(waiting)}.${recalled} Touched by it, and left as they are: ${devices(touched)}.`;
    case 'roll_back': {
      const goal =
        deployment.previous_pipeline_id === null
          ? 'which is removed again'
          : 'and taken back to the version before';
      const back = `Touched by the package, ${goal}: ${devices(touched)}.`;
      const untouched = all - touched - atWork;
      return `${back}${recalled}${atWork === 0 ? '' : ' The others go back when theirs have ended.'} Left alone: ${devices(untouched)}.`;
    }
  }
}
