import { z } from 'zod';
import type { AgentTaskWord } from '../../contracts/agent-task/states.ts';
import { deploymentReportSchema, telemetrySampleSchema } from '../../contracts/telemetry/telemetry.ts';

const words = ['start', 'progress', 'complete', 'fail'] as const satisfies readonly AgentTaskWord[];

/** What waits for the platform: a word on a task, a telemetry sample, a report on a deployment. */
export const outboxRecordSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('word'),
    task_id: z.uuid(),
    word: z.enum(words),
    body: z.record(z.string(), z.unknown()),
    correlation_id: z.string(),
  }),
  z.object({ kind: z.literal('deployment'), report: deploymentReportSchema, correlation_id: z.string() }),
  z.object({ kind: z.literal('telemetry'), sample: telemetrySampleSchema }),
]);
export type OutboxRecord = z.infer<typeof outboxRecordSchema>;
export type WordRecord = Extract<OutboxRecord, { kind: 'word' }>;
export type RecordKind = OutboxRecord['kind'];

/** What is known of a record without reading it, from its file's name and size. */
export interface Entry {
  readonly sequence: number;
  readonly kind: RecordKind;
  readonly bytes: number;
  readonly taskId: string | undefined;
  readonly word: AgentTaskWord | undefined;
}

const NAME =
  /^(\d{15})\.(word|deployment|telemetry)(?:\.([0-9a-f-]{36})\.(start|progress|complete|fail))?\.json$/;

export function fileName(entry: Pick<Entry, 'sequence' | 'kind' | 'taskId' | 'word'>): string {
  const ofTask = entry.taskId === undefined ? '' : `.${entry.taskId}.${entry.word}`;
  return `${String(entry.sequence).padStart(15, '0')}.${entry.kind}${ofTask}.json`;
}

export function parseFileName(name: string, bytes: number): Entry | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  return {
    sequence: Number(match[1]),
    kind: match[2] as RecordKind,
    bytes,
    taskId: match[3],
    word: match[4] as AgentTaskWord | undefined,
  };
}
