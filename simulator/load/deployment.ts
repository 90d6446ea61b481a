import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DeploymentOrder, DeploymentProgress } from '../../contracts/simulation/simulation.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { Operator } from '../platform/operator.ts';

/** How a deployment is ordered and followed. The place to put another kind of deployment in. */
export interface DeploymentDriver {
  /** @returns its id */
  begin(order: DeploymentOrder, agentIds: readonly string[]): Promise<string>;
  progress(deployment: string): Promise<DeploymentProgress>;
}

export interface DeploymentFigures {
  readonly agents: number;
  /** Until the order was accepted. */
  readonly accepted_ms: number;
  /** Until every task had ended; null when some had not. */
  readonly ended_s: number | null;
  readonly tasks_per_second: number | null;
  readonly completed: number;
  readonly failed: number;
}

const accepted = z.object({ count: z.number(), correlation_id: z.string() });

/** A deployment as one order of the same task for many agents, `POST /tasks/bulk`. */
export class BulkTaskDeployments implements DeploymentDriver {
  readonly #operator: Operator;
  readonly #evidence: Evidence;
  readonly #begun = new Map<string, { at: number; acceptedMs: number; agents: number }>();
  readonly #ended = new Map<string, { at: number; progress: DeploymentProgress }>();

  constructor(operator: Operator, evidence: Evidence) {
    this.#operator = operator;
    this.#evidence = evidence;
  }

  async begin(order: DeploymentOrder, agentIds: readonly string[]): Promise<string> {
    const at = performance.now();
    const answer = accepted.parse(
      await this.#operator.call('POST', '/tasks/bulk', {
        selection: { agent_ids: agentIds },
        task_type: 'REMEDIATE',
        payload: {
          script: `install ${order.package_name}`,
          simulated_failure_share: order.failure_share,
          deployment: randomUUID(),
        },
      }),
    );
    this.#begun.set(answer.correlation_id, {
      at,
      acceptedMs: performance.now() - at,
      agents: answer.count,
    });
    return answer.correlation_id;
  }

  async progress(deployment: string): Promise<DeploymentProgress> {
    const states = await this.#evidence.taskStates(deployment);
    const tasks = Object.values(states).reduce((sum, count) => sum + count, 0);
    const completed = states['COMPLETED'] ?? 0;
    const failed = (states['FAILED'] ?? 0) + (states['TIMEOUT'] ?? 0) + (states['CANCELLED'] ?? 0);
    const progress = { tasks, completed, failed, open: tasks - completed - failed };
    if (progress.open === 0 && !this.#ended.has(deployment))
      this.#ended.set(deployment, { at: performance.now(), progress });
    return progress;
  }

  figures(): DeploymentFigures[] {
    return [...this.#begun].map(([id, { at, acceptedMs, agents }]) => {
      const ended = this.#ended.get(id);
      const seconds = ended === undefined ? null : (ended.at - at) / 1_000;
      return {
        agents,
        accepted_ms: Math.round(acceptedMs),
        ended_s: seconds === null ? null : Math.round(seconds * 10) / 10,
        tasks_per_second: seconds === null ? null : Math.round((agents / seconds) * 10) / 10,
        completed: ended?.progress.completed ?? 0,
        failed: ended?.progress.failed ?? 0,
      };
    });
  }
}
