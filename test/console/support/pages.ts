import type { QueryResult } from 'pg';
import { World } from '../../api/support/world.ts';
import { Fleet } from '../../db/support/fleet.ts';
import { Trouble } from '../../db/support/incidents.ts';
import { Rollouts } from '../../db/support/rollout.ts';
import { Reader } from './reader.ts';

/** A platform with all that its pages show, and three people who read them; every deployment needs a decision. */
export interface Pages {
  readonly world: World;
  readonly fleet: Fleet;
  readonly rollouts: Rollouts;
  readonly trouble: Trouble;
  readonly admin: Reader;
  readonly operator: Reader;
  readonly viewer: Reader;
  readonly sql: (text: string, values?: unknown[]) => Promise<QueryResult>;
  /** All three see the page; those who may not act are not shown how to. */
  readonly expectShownTo: (path: string, control: string, may: readonly Reader[]) => Promise<void>;
}

/** The same for the tests of one group, from before the first of them until after the last. */
export function pages(): Pages {
  const on: Partial<Pages> = {};
  beforeAll(async () => {
    Object.assign(on, await openPages());
  });
  afterAll(() => on.world?.dispose());
  return on as Pages;
}

async function openPages(): Promise<Pages> {
  const world = await World.start({ overrides: { EUCORA_CAB_RISK_THRESHOLD: '0' } });
  const { database } = world.api;
  const fleet = new Fleet(database);
  const [admin, operator, viewer] = await Promise.all([
    Reader.logIn(world, 'admin'),
    Reader.logIn(world, 'operator'),
    Reader.logIn(world, 'viewer'),
  ]);
  return {
    world,
    fleet,
    rollouts: new Rollouts(database),
    trouble: new Trouble(fleet),
    admin,
    operator,
    viewer,
    sql: (text, values = []) => database.pool.query(text, values),
    expectShownTo: async (path, control, may) => {
      for (const reader of [admin, operator, viewer]) {
        const { status, html } = await reader.get(path);
        expect([status, html.includes(control)]).toEqual([200, may.includes(reader)]);
      }
    },
  };
}
