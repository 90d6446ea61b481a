import type { Bench } from './bench.ts';

/** All benches by name; loaded when called. A new one is a folder beside and a line here. */
export const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  checkins: async () => (await import('./checkins/bench.ts')).checkins,
  console: async () => (await import('./console/bench.ts')).consolePages,
  enrol: async () => (await import('./enrol/bench.ts')).enrol,
  memory: async () => (await import('./memory/bench.ts')).memory,
  lists: async () => (await import('./lists/bench.ts')).lists,
  tasks: async () => (await import('./tasks/bench.ts')).tasks,
  deployments: async () => (await import('./deployments/bench.ts')).deployments,
  pipeline: async () => (await import('./pipeline/bench.ts')).pipeline,
  presence: async () => (await import('./presence/bench.ts')).presence,
};
