import type { WorkerOptions } from '../../agent/worker/worker.ts';
import { TestPlatform, type TestTask } from './platform.ts';
import { eventually, removeFolders, type Started, startAgent } from './support.ts';

/**
 * Gives every test of a file a platform of its own, by `use`, and stops all agents after it. Whatever a test is
 * about, it fails when the agent sent a body that does not fit the contract.
 */
export function useAgents(use: (platform: TestPlatform) => void) {
  let platform: TestPlatform;
  let agents: Started[] = [];
  beforeEach(async () => {
    platform = await TestPlatform.start();
    platform.intervals = { heartbeat: 0, telemetry: 60 };
    use(platform);
  });
  afterEach(async () => {
    for (const agent of agents) await agent.stop().catch(() => undefined);
    agents = [];
    await platform.down().catch(() => undefined);
    removeFolders();
    expect(platform.violations).toEqual([]);
  });
  return {
    async start(options: Partial<WorkerOptions> = {}): Promise<Started> {
      const agent = await startAgent(platform, options);
      agents.push(agent);
      return agent;
    },
    online: () => eventually(() => platform.heartbeats.length > 0, 'a heartbeat'),
  };
}

export const ended = (task: TestTask, status: string): Promise<true> =>
  eventually(() => task.status === status, `${task.type} ${status}`);

/** The words that were said of a task, progress left out. */
export const said = (task: TestTask): string[] => task.words.filter((word) => word !== 'progress');
