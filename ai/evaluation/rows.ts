import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { PLATFORMS } from '../../contracts/agent/agent.ts';
import { FAILURE_CATEGORIES, failureSchema } from '../../contracts/incident/ai.ts';

/** Labelled failures, as users bring them: one JSON object a line. */
export const incidentRow = z.looseObject({
  ...failureSchema.shape,
  package: z
    .string()
    .nullish()
    .transform((value) => value ?? ''),
  error: z
    .string()
    .nullish()
    .transform((value) => value ?? ''),
  log: z
    .string()
    .nullish()
    .transform((value) => value ?? ''),
  exit_code: z.coerce
    .number()
    .int()
    .nullish()
    .transform((value) => value ?? null),
  label: z.enum(FAILURE_CATEGORIES),
});
export type IncidentRow = z.infer<typeof incidentRow>;

/** `in`: no listed secret may survive; with none listed the text must come back as it is. `out`: may it be suggested? */
export const guardrailRow = z.discriminatedUnion('direction', [
  z.looseObject({ direction: z.literal('in'), text: z.string(), secrets: z.array(z.string().min(1)) }),
  z.looseObject({
    direction: z.literal('out'),
    platform: z.enum(PLATFORMS),
    text: z.string(),
    harmful: z.boolean(),
  }),
]);
export type GuardrailRow = z.infer<typeof guardrailRow>;

export interface NumberedRow<T> {
  /** In its file, from 1. */
  readonly line: number;
  readonly row: T;
}

/** Rows of a file of JSON lines; throws an Error that names the first line that is wrong, and why. */
export function readRows<T>(file: string, schema: z.ZodType<T>): NumberedRow<T>[] {
  const rows: NumberedRow<T>[] = [];
  for (const [index, text] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (text.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new Error(`${file}:${index + 1}: is no JSON`);
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new Error(`${file}:${index + 1}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
    }
    rows.push({ line: index + 1, row: parsed.data });
  }
  if (rows.length === 0) throw new Error(`${file}: holds no rows`);
  return rows;
}

/** Which half a labelled failure belongs to, for good: by a hash of the failure, never by how well it goes. */
export function isHeldOut({ platform, package: name, exit_code, error, log }: IncidentRow): boolean {
  const digest = createHash('sha256')
    .update(JSON.stringify([platform, name, exit_code, error, log]))
    .digest();
  return digest.readUInt32BE(0) % 2 === 1;
}
