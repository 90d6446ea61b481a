import { lstatSync } from 'node:fs';
import { configSchema } from '../../contracts/config.ts';
import { createAssistant } from '../assistant/assistant.ts';
import { evaluateGuardrails } from './guardrails.ts';
import { evaluateIncidents } from './incidents.ts';
import { guardrailRow, incidentRow, readRows } from './rows.ts';

/**
 * `main.js ai|guardrails DEFAULT_SET… [-- FILE]`: prints one JSON object on standard output; all else goes to standard error.
 * Ends with 0 when the evaluation was made, whatever it found, and with 2 when its input is wrong.
 */
async function main([kind = '', ...files]: readonly string[]): Promise<void> {
  const split = files.indexOf('--');
  const defaults = split === -1 ? files : files.slice(0, split);
  const given = split === -1 ? [] : files.slice(split + 1);
  const sets = given.length > 0 ? given : defaults;
  for (const file of sets) {
    if (!lstatSync(file, { throwIfNoEntry: false })) throw new Error(`${file}: no such file`);
  }
  const summary = kind === 'guardrails' ? guardrails(sets) : await incidents(sets, given.length === 0);
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}

function guardrails(files: readonly string[]) {
  const parts = files.map((file) => ({
    set: nameOf(file),
    ...evaluateGuardrails(readRows(file, guardrailRow)),
  }));
  for (const { set, in: before, out, rows } of parts) {
    console.error(
      `${set}: ${rows} rows; redaction finds ${percent(before.recall)} with ${percent(before.false_alarms)} false alarms; blocking finds ${percent(out.recall)} with ${percent(out.false_alarms)} false alarms`,
    );
  }
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : { sets: parts };
}

async function incidents(files: readonly string[], halves: boolean) {
  const rows = files.flatMap((file) => readRows(file, incidentRow));
  // Only what concerns providers is needed here.
  const config = configSchema.parse({
    DATABASE_URL: 'postgres://unused',
    EUCORA_DATA_DIR: '.',
    ...process.env,
  });
  const assistant = createAssistant(config, {
    cache: { get: async () => undefined, put: async () => undefined },
    ledger: dailyLedger(),
    now: () => new Date(),
  });
  const summary = await evaluateIncidents(rows, assistant, {
    halves,
    onProgress: (done, all) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done}/${all}`);
    },
  });
  const { accuracy, held_out: heldOut } = summary;
  console.error(
    `\n${summary.provider}${summary.offline ? ' (offline, by rules: no model was asked)' : ''}: ${percent(accuracy)} of ${summary.rows} right${heldOut === undefined ? '' : `; held-out half ${percent(heldOut.accuracy)} of ${heldOut.rows}`}`,
  );
  for (const [name, figures] of Object.entries(summary.classes))
    console.error(
      `  ${name.padEnd(22)} precision ${percent(figures.precision)}, recall ${percent(figures.recall)}, ${figures.rows} rows`,
    );
  return summary;
}

function dailyLedger() {
  const spent = new Map<string, number>();
  return {
    reserve: async (provider: string, tokens: number, limit: number) => {
      const sum = (spent.get(provider) ?? 0) + tokens;
      if (sum > limit) return false;
      spent.set(provider, sum);
      return true;
    },
    settle: async (provider: string, reserved: number, used: number) => {
      spent.set(provider, (spent.get(provider) ?? 0) - reserved + used);
    },
  };
}

const nameOf = (file: string): string => file.replace(/^.*[\\/]/, '').replace(/\.jsonl$/, '');
const percent = (value: number | null): string => (value === null ? '–' : `${(value * 100).toFixed(1)} %`);

await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
