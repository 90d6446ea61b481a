import { z } from 'zod';
import { MAX_BULK_TASKS } from '../../contracts/agent-task/task.ts';
import type { RingSize } from '../../contracts/deployment/rings.ts';
import type { Operator } from '../platform/operator.ts';

const created = z.object({ id: z.string(), status: z.string() });
const accepted = z.object({ correlation_id: z.string() });

/** As the contract has it; what is left out is as it is by default. */
export interface RingOrder {
  readonly size: RingSize;
  readonly gates?: object;
}

export interface Order {
  readonly pipelineId: string;
  /** All that fit the package when not given. */
  readonly agentIds?: readonly string[];
  /** In their order; they do not soak. */
  readonly rings: readonly RingOrder[];
  /** Devices that work on it at the same time. */
  readonly inFlight: number;
}

/** Those who order, and another person who approves. */
export class Orders {
  readonly #operator: Operator;
  readonly #approver: Operator;

  private constructor(operator: Operator, approver: Operator) {
    this.#operator = operator;
    this.#approver = approver;
  }

  static async by(admin: Operator): Promise<Orders> {
    return new Orders(
      await admin.colleague('deployment-operator', ['operator']),
      await admin.colleague('deployment-approver', ['approver']),
    );
  }

  /** Creates a deployment and has it approved. @returns its id */
  async deploy({ pipelineId, agentIds, rings, inFlight }: Order): Promise<string> {
    const { id, status } = created.parse(
      await this.#operator.call('POST', '/deployments', {
        pipeline_id: pipelineId,
        ...(agentIds === undefined ? {} : { selection: { agent_ids: agentIds } }),
        plan: {
          rings: rings.map((ring, index) => ({ name: `ring-${index + 1}`, soak_seconds: 0, ...ring })),
          max_in_flight: inFlight,
          max_per_minute: 100_000,
        },
      }),
    );
    if (status === 'AWAITING_APPROVAL')
      await this.#approver.call('POST', `/deployments/${id}/decisions`, { decision: 'approve' });
    return id;
  }

  /** Many deployments, so many at a time. @returns their ids, in order */
  async deployAll(orders: readonly Order[], atOnce: number): Promise<string[]> {
    const ids: string[] = [];
    let next = 0;
    const slot = async (): Promise<void> => {
      for (let n = next; n < orders.length; n = next) {
        next += 1;
        ids[n] = await this.deploy(orders[n] as Order);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, slot));
    return ids;
  }

  /** The same work as plain tasks. @returns correlation ids */
  async bulk(payload: object, agentIds: readonly string[]): Promise<string[]> {
    const ids: string[] = [];
    for (let from = 0; from < agentIds.length; from += MAX_BULK_TASKS) {
      const order = {
        selection: { agent_ids: agentIds.slice(from, from + MAX_BULK_TASKS) },
        task_type: 'DEPLOY',
        payload,
      };
      ids.push(accepted.parse(await this.#operator.call('POST', '/tasks/bulk', order)).correlation_id);
    }
    return ids;
  }
}
