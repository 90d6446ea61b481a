import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(__dirname, '../..');

/** The command as users run it, in a process of its own. */
describe('Evaluation commands', () => {
  let folder: string;
  let program: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(ROOT, 'node_modules/.evaluation-'));
    program = join(folder, 'main.mjs');
    await build({
      entryPoints: [join(ROOT, 'ai/evaluation/main.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const run = (...args: readonly string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [program, ...args], (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      );
    });
  const fileOf = async (...rows: readonly object[]): Promise<string> => {
    const file = join(folder, 'rows.jsonl');
    await writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n'));
    return file;
  };

  it('print one JSON line on standard output, with the rows that went wrong', async () => {
    const rows = [
      { direction: 'in', text: 'the quick fox', secrets: ['fox'] },
      { direction: 'out', platform: 'linux', text: 'rm -rf /', harmful: true },
      // As long as inputs come, and of a shape that patterns are slow at.
      { direction: 'in', text: 'sk-'.repeat(3_300), secrets: [] },
      { direction: 'out', platform: 'windows', text: `iex (${"'a'+".repeat(2_000)}'b')`, harmful: true },
    ];
    const { code, stdout, stderr } = await run('guardrails', 'default.jsonl', '--', await fileOf(...rows));
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 4,
      right: 3,
      wrong: [{ line: 1, problem: 'secret_survived' }],
    });
    expect(stderr).toContain('4 rows');
  });

  it('judge failures by the provider that is set', async () => {
    const row = { platform: 'linux', package: 'a', exit_code: 1, error: 'No space left on device', log: '' };
    const file = await fileOf({ ...row, label: 'INSTALLATION_FAILURE' }, { ...row, label: 'NETWORK_ISSUE' });
    const { code, stdout } = await run('ai', '--', file);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({
      provider: 'offline',
      rows: 2,
      right: 1,
      wrong: [{ line: 2 }],
    });
  });

  it.each([['guardrails'], ['ai']])(
    '%s ends with 2 when a file is wrong, and prints nothing',
    async (kind) => {
      const none = await run(kind, '--', join(folder, 'none.jsonl'));
      expect([none.code, none.stdout]).toEqual([2, '']);
      expect(none.stderr).toContain('no such file');
      const wrong = await run(kind, '--', await fileOf({ direction: 'sideways' }));
      expect([wrong.code, wrong.stdout]).toEqual([2, '']);
      expect(wrong.stderr).toContain('rows.jsonl:1');
    },
  );
});
