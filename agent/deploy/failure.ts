import type { AgentFailureKind } from '../../contracts/deployment/states.ts';
import { messageOf } from '../log.ts';
import { ExecutionFailure } from '../tasks/executor.ts';

/** A deployment failed in this way; the platform goes by the kind, people by the message. */
export class DeployFailure extends ExecutionFailure {
  constructor(kind: AgentFailureKind, message: string, cause?: unknown) {
    super(message, { failure_kind: kind }, cause);
  }
}

/** Has whatever `work` fails with carry the kind; a failure that knows its kind keeps it. */
export async function failingAs<T>(kind: AgentFailureKind, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DeployFailure) throw error;
    throw new DeployFailure(kind, messageOf(error), error);
  }
}
