import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { inspectScript, inspectText } from '../../ai/guardrails/index.ts';

/**
 * How scripts are read: what a shell or an interpreter would make of them decides, in both directions. Each row is one
 * construct, once with a harmless outcome and once with a harmful one; `languages` are those that a shell calls,
 * `documents` the files of tools that hold commands.
 */
const caseSchema = z.strictObject({
  read_as: z.enum(['sh', 'powershell', 'cmd', 'python3', 'languages', 'documents']),
  construct: z.string(),
  harmless: z.string(),
  harmful: z.string(),
});
const CASES = readFileSync(join(__dirname, 'corpus/constructs.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => caseSchema.parse(JSON.parse(line)));

it.each(CASES)('Read as $read_as: $construct', ({ read_as, harmless, harmful }) => {
  const inspect = (script: string) =>
    read_as === 'documents'
      ? inspectText(script, /[A-Z]:\\/.test(harmful) ? 'windows' : 'linux')
      : inspectScript(script, read_as === 'languages' ? 'sh' : read_as);
  expect(inspect(harmless)).toEqual([]);
  expect(inspect(harmful)).not.toEqual([]);
});
