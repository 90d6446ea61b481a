import { isFinal, type TaskStatus } from '../../../contracts/agent-task/states.ts';
import { eventually } from './insist.ts';
import type { Lane } from './lane.ts';

/** Short timers, so that they can be made to fire at the very moment of a kill. */
export const HEARTBEAT_SECONDS = 2;
export const OFFLINE_SECONDS = 3;
export const SHORT_TIMERS = {
  EUCORA_HEARTBEAT_INTERVAL_SECONDS: String(HEARTBEAT_SECONDS),
  EUCORA_OFFLINE_AFTER_SECONDS: String(OFFLINE_SECONDS),
};
const HANDOVER_MS = 2 * HEARTBEAT_SECONDS * 1_000;
const TIMEOUT_SECONDS = 2;

/** `meanwhile` begins so long before the kill: longer than every timer that must fire with it. */
export const LEAD_MS = HANDOVER_MS + 150;

/** A point between two steps of a task's life. */
export interface Point {
  readonly name: string;
  /** Brings the lane's tasks to the point. */
  readonly park: (lane: Lane) => Promise<void>;
  /** Happens around the kill, and goes on until it has succeeded. */
  readonly meanwhile?: (lane: Lane) => Promise<void>;
  /** After the process runs again: what leads to the end. */
  readonly resume?: (lane: Lane) => Promise<void>;
  readonly ends: TaskStatus;
}

async function handedOver(lane: Lane): Promise<void> {
  await lane.create();
  await lane.take();
}

async function started(lane: Lane): Promise<void> {
  await handedOver(lane);
  await lane.say('start');
}

const nothing = async (): Promise<void> => {};

/** A timer's task ended although nobody was there; the agent, late, is told so. */
async function lateWordsAreRefused(lane: Lane): Promise<void> {
  await lane.each((task) =>
    eventually(`the timer of ${task} ends it`, 60_000, async () => {
      const { body } = await lane.rig.operator('GET', `/api/v1/tasks/${task}`);
      return isFinal(body['status'] as TaskStatus) ? true : undefined;
    }),
  );
  await lane.each(async (task) => {
    const answer = await lane.agent.ask(task, 'complete');
    expect([answer.status, answer.body['task_status']]).toEqual([409, 'TIMEOUT']);
  });
}

/** An agent that goes on being heard but never starts: silent, it would have its task queued instead. */
async function isHeardUntilTheEnd(lane: Lane): Promise<void> {
  await lane.each((task) =>
    eventually(`${task} is given up`, 60_000, async () => {
      await lane.agent.heartbeat();
      const { body } = await lane.rig.operator('GET', `/api/v1/tasks/${task}`);
      return isFinal(body['status'] as TaskStatus) ? true : undefined;
    }),
  );
}

export const POINTS: readonly Point[] = [
  {
    name: 'while being created',
    park: nothing,
    meanwhile: (lane) => lane.createAroundKill(),
    resume: (lane) => lane.workOff(),
    ends: 'COMPLETED',
  },
  {
    name: 'created, workflow started',
    park: async (lane) => {
      await lane.create();
      await lane.untilWorkflowsRun();
    },
    resume: (lane) => lane.workOff(),
    ends: 'COMPLETED',
  },
  {
    name: 'while being handed over and worked on',
    park: (lane) => lane.create(),
    meanwhile: (lane) => lane.beforeKill(() => lane.workOff()),
    ends: 'COMPLETED',
  },
  {
    name: 'handed over, workflow not yet told',
    park: (lane) => lane.create(),
    meanwhile: (lane) => lane.beforeKill(() => lane.take(), 200),
    resume: (lane) => lane.say('start', 'complete'),
    ends: 'COMPLETED',
  },
  {
    name: 'handed over to an agent that never got the answer',
    park: handedOver,
    resume: (lane) => lane.workOff(),
    ends: 'COMPLETED',
  },
  {
    name: 'while the hand-over counts as lost',
    park: (lane) => lane.create(),
    meanwhile: (lane) => lane.beforeKill(() => lane.agent.heartbeat(), HANDOVER_MS),
    resume: (lane) => lane.workOff(),
    ends: 'COMPLETED',
  },
  {
    name: 'while the last hand-over counts as lost',
    park: (lane) => lane.create({ max_retries: 0 }),
    meanwhile: (lane) =>
      lane.beforeKill(async () => {
        await lane.agent.heartbeat();
        await lane.stayOnline(HANDOVER_MS);
      }, HANDOVER_MS),
    resume: isHeardUntilTheEnd,
    ends: 'FAILED',
  },
  {
    name: 'while starting',
    park: handedOver,
    meanwhile: (lane) => lane.eachAroundKill((task) => lane.agent.say(task, 'start')),
    resume: (lane) => lane.say('complete'),
    ends: 'COMPLETED',
  },
  {
    name: 'started',
    park: started,
    resume: (lane) => lane.say('progress', 'complete'),
    ends: 'COMPLETED',
  },
  {
    name: 'while telling progress',
    park: started,
    meanwhile: (lane) => lane.eachAroundKill((task) => lane.agent.say(task, 'progress')),
    resume: (lane) => lane.say('fail'),
    ends: 'FAILED',
  },
  {
    name: 'while completing',
    park: started,
    meanwhile: (lane) => lane.eachAroundKill((task) => lane.agent.say(task, 'complete')),
    ends: 'COMPLETED',
  },
  {
    name: 'while failing',
    park: started,
    meanwhile: (lane) => lane.eachAroundKill((task) => lane.agent.say(task, 'fail')),
    ends: 'FAILED',
  },
  {
    name: 'while being cancelled before the hand-over',
    park: (lane) => lane.create(),
    meanwhile: (lane) => lane.eachAroundKill((task) => lane.rig.cancel(task)),
    ends: 'CANCELLED',
  },
  {
    name: 'while being cancelled at work',
    park: started,
    meanwhile: (lane) => lane.eachAroundKill((task) => lane.rig.cancel(task)),
    ends: 'CANCELLED',
  },
  {
    name: 'while timing out',
    park: async (lane) => {
      await lane.create({ timeout_seconds: TIMEOUT_SECONDS });
      await lane.take();
    },
    meanwhile: (lane) =>
      lane.eachAroundKill((task) => lane.agent.say(task, 'start'), TIMEOUT_SECONDS * 1_000),
    resume: lateWordsAreRefused,
    ends: 'TIMEOUT',
  },
  {
    name: 'while the agent goes offline with a task handed over',
    park: (lane) => lane.create(),
    meanwhile: (lane) => lane.beforeKill(() => lane.agent.heartbeat(), OFFLINE_SECONDS * 1_000),
    resume: (lane) => lane.workOff(),
    ends: 'COMPLETED',
  },
  {
    name: 'while the agent goes offline at work',
    park: (lane) => lane.create(),
    meanwhile: (lane) =>
      lane.beforeKill(async () => {
        await lane.take();
        await lane.say('start');
      }, OFFLINE_SECONDS * 1_000),
    resume: (lane) => lane.say('complete'),
    ends: 'COMPLETED',
  },
];
