import type { Endpoint } from '../measure/recorder.ts';
import type { Profile } from './profile.ts';
import type { Reachable } from './transport.ts';

/** Why an agent cannot be reached; any number of them at once. */
export const AWAY = { asleep: 1, absent: 2, cut: 4 } as const;
export type AwayReason = keyof typeof AWAY;

/** Something that an agent has to say and keeps until it is taken. */
export interface Word {
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly body: string;
  readonly correlationId: string;
  readonly taskId: string;
  /** When it could have been said first, by the wheel's clock; moves on while the agent is away. */
  dueAt: number;
}

export interface KnownTask {
  /** The word that ended it, once the agent has said so to itself. */
  outcome: Word | undefined;
  start: Word;
  /** The last word that the platform has taken, or refused. */
  taken: 'nothing' | 'start' | 'complete' | 'fail' | 'refused';
}

/** A stretch in which nobody could hear the agent; epoch milliseconds. */
export interface Silence {
  /** When the last confirmed heartbeat before it was sent; 0 when there was none. */
  lastSentAt: number;
  /** When the last attempt to be heard had ended, however it did. */
  lastTriedAt: number;
  readonly fromAt: number;
  toAt: number | undefined;
}

/** One machine of the fleet. What it does is in `Fleet`; this is what it knows. */
export class VirtualAgent implements Reachable {
  readonly profile: Profile;
  readonly id: string;
  readonly certificate: Buffer;
  readonly keyIndex: number;
  /** Bits of {@link AWAY}; 0 while it can be reached. */
  away: number = AWAY.asleep;
  /** A heartbeat that is on its way or waits to be tried again; when it was due. */
  beatDueAt: number | undefined;
  beatAttempts = 0;
  /** Goes up with each absence, so that timers from before it do nothing. */
  presence = 0;
  /** When the last confirmed heartbeat was sent, and when the last attempt had ended; epoch milliseconds. */
  lastSentAt = 0;
  lastTriedAt = 0;
  /** Only agents that have had tasks, silences or a queue pay for them. */
  words: Word[] | undefined;
  samples: string[] | undefined;
  tasks: Map<string, KnownTask> | undefined;
  silences: Silence[] | undefined;
  /** A word is on its way or waits to be tried again. */
  speaking = false;
  wordAttempts = 0;
  tasksSeen = 0;
  samplesMade = 0;

  constructor(profile: Profile, identity: { id: string; certificate: Buffer; keyIndex: number }) {
    this.profile = profile;
    this.id = identity.id;
    this.certificate = identity.certificate;
    this.keyIndex = identity.keyIndex;
  }

  get index(): number {
    return this.profile.index;
  }

  get reachable(): boolean {
    return this.away === 0;
  }

  get queued(): number {
    return (this.words?.length ?? 0) + (this.samples?.length ?? 0);
  }
}
