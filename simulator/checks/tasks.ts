import { isFinal, type TaskStatus } from '../../contracts/agent-task/states.ts';
import type { TaskEvidence } from '../evidence/evidence.ts';
import { type CheckResult, Findings } from './check.ts';

export interface TaskCase {
  /** Tasks whose creation was confirmed. */
  readonly created: readonly string[];
  readonly found: readonly TaskEvidence[];
  /** Last words that agents know to be taken, by task. */
  readonly words: ReadonlyMap<string, 'complete' | 'fail'>;
  /** Results of closed workflows by task, `undefined` for one that still runs; all of them, or a sample. */
  readonly workflows: ReadonlyMap<string, string | undefined>;
  /** Workflows of tasks that still run. */
  readonly running: number;
}

const STATE_AFTER = { complete: 'COMPLETED', fail: 'FAILED' } as const;

/** Every task came to exactly one final state, and everybody who can know says the same one. */
export function judgeTasks({ created, found, words, workflows, running }: TaskCase): CheckResult {
  const findings = new Findings();
  const states = new Map(found.map((task) => [task.id, task]));
  for (const id of created) if (!states.has(id)) findings.wrong(() => `${id} was created, but is not there`);
  for (const { id, status, endings } of found) {
    findings.checked += 1;
    if (!isFinal(status as TaskStatus)) findings.wrong(() => `${id} is still ${status}`);
    else if (endings !== 1) findings.wrong(() => `${id} came to a final state ${endings} times`);
    const word = words.get(id);
    if (word !== undefined && status !== STATE_AFTER[word])
      findings.wrong(() => `${id} is ${status}, though its agent’s ${word} was taken`);
    if (workflows.has(id) && workflows.get(id) !== status)
      findings.wrong(() => `${id} is ${status}, but its workflow ${workflows.get(id) ?? 'still runs'}`);
  }
  if (running > 0) findings.wrong(() => `${running} workflows of tasks still run`);
  return findings.result(
    'every task in one final state',
    `Each task ended once; its agent and its workflow (${workflows.size} looked at) say the same.`,
  );
}
