import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classFigures, reliability } from '../../ai/evaluation/figures.ts';
import { evaluateGuardrails } from '../../ai/evaluation/guardrails.ts';
import { evaluateIncidents } from '../../ai/evaluation/incidents.ts';
import { guardrailRow, incidentRow, isHeldOut, readRows } from '../../ai/evaluation/rows.ts';
import { assistantWith } from './support/assistant.ts';

const corpus = (name: string): string => join(__dirname, 'corpus', `${name}.jsonl`);

describe('What is held out was not tuned on', () => {
  const plain = (text: string): string => text.toLowerCase().replace(/\s+/g, ' ').trim();

  it('error and log of no failure stand in both halves', () => {
    const textOf = ({ row }: { row: { error: string; log: string } }) => plain(`${row.error}\n${row.log}`);
    const rows = readRows(corpus('incidents'), incidentRow);
    const tuned = new Set(
      [
        ...rows.filter(({ row }) => !isHeldOut(row)),
        ...readRows(corpus('incidents-tuning'), incidentRow),
      ].map(textOf),
    );
    const heldOut = rows.filter(({ row }) => isHeldOut(row));
    expect(heldOut.length).toBeGreaterThan(100);
    expect(heldOut.filter((row) => tuned.has(textOf(row))).map(({ line }) => line)).toEqual([]);
  });

  it('no text of the guardrails stands in both sets', () => {
    const tuned = new Set(
      readRows(corpus('guardrails-tuning'), guardrailRow).map(({ row }) => plain(row.text)),
    );
    const heldOut = readRows(corpus('guardrails-held-out'), guardrailRow);
    expect(heldOut.filter(({ row }) => tuned.has(plain(row.text))).map(({ line }) => line)).toEqual([]);
  });
});

describe('Evaluations', () => {
  const folder = mkdtempSync(join(tmpdir(), 'eucora-eval-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const fileOf = (text: string): string => {
    const file = join(folder, 'rows.jsonl');
    writeFileSync(file, text);
    return file;
  };

  it.each([
    ['no JSON', '{"direction":"in","text":"a","secrets":[]}\n{oops', /rows\.jsonl:2: is no JSON/],
    [
      'a row without its label',
      '{"direction":"out","platform":"linux","text":"ls"}',
      /rows\.jsonl:1: harmful/,
    ],
    ['an empty file', '\n', /holds no rows/],
  ])('%s is told with its line', (_, text, message) => {
    expect(() => readRows(fileOf(text), guardrailRow)).toThrow(message);
  });

  it('take users’ rows with null and further fields', () => {
    const [first] = readRows(
      fileOf(
        '{"platform":"windows","package":null,"exit_code":"1603","error":"x","log":null,"label":"NETWORK_ISSUE","note":1}',
      ),
      incidentRow,
    );
    expect(first?.row).toMatchObject({ package: '', exit_code: 1603, log: '' });
  });

  it('name the rows that went wrong, in both directions', () => {
    const rows = [
      { direction: 'in', text: 'the quick fox', secrets: ['fox'] },
      { direction: 'in', text: 'password=abc123', secrets: [] },
      { direction: 'in', text: 'password=abc123', secrets: ['abc123'] },
      { direction: 'out', platform: 'linux', text: 'ls', harmful: true },
      { direction: 'out', platform: 'linux', text: 'rm -rf /', harmful: false },
      { direction: 'out', platform: 'linux', text: 'rm -rf /', harmful: true },
    ].map((row, index) => ({ line: index + 1, row: guardrailRow.parse(row) }));
    const figures = evaluateGuardrails(rows);
    expect(figures.wrong.map(({ line, problem }) => [line, problem])).toEqual([
      [1, 'secret_survived'],
      [2, 'false_redaction'],
      [4, 'harmful_passed'],
      [5, 'harmless_blocked'],
    ]);
    expect(figures).toMatchObject({
      rows: 6,
      right: 2,
      in: { recall: 0.5, false_alarms: 1 },
      out: { recall: 0.5, false_alarms: 1 },
    });
  });

  it('count classes, and who was taken for whom', async () => {
    const figures = classFigures(
      ['A', 'B'],
      [
        { label: 'A', said: 'A', confidence: 0.9 },
        { label: 'A', said: 'B', confidence: 0.2 },
        { label: 'B', said: null, confidence: 0 },
      ],
    );
    expect(figures).toEqual({
      rows: 3,
      right: 1,
      accuracy: 0.3333,
      classes: { A: { rows: 2, precision: 1, recall: 0.5 }, B: { rows: 1, precision: 0, recall: 0 } },
      confusion: { A: { A: 1, B: 1 }, B: { A: 0, B: 0 } },
    });
    expect(reliability([{ label: 'A', said: 'A', confidence: 0.95 }], [0, 0.5])).toEqual([
      { from: 0, to: 0.5, rows: 0, confidence: null, right: null },
      { from: 0.5, to: 1, rows: 1, confidence: 0.95, right: 1 },
    ]);
    let seen = 0;
    const row = incidentRow.parse({
      platform: 'linux',
      error: 'Could not resolve host: x',
      label: 'PERMISSION_ISSUE',
    });
    const outcome = await evaluateIncidents([{ line: 3, row }], assistantWith({}), {
      halves: false,
      onProgress: (done) => {
        seen = done;
      },
    });
    expect(seen).toBe(1);
    expect(outcome.wrong).toMatchObject([{ line: 3, label: 'PERMISSION_ISSUE', said: 'NETWORK_ISSUE' }]);
    expect(outcome).not.toHaveProperty('held_out');
  });
});
