// What `npm start`, `demo`, `test`, `bench`, `eucora` and the evaluations call: installs and builds what is missing
// first, and tells of it on stderr, because stdout may be read by programs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureDependencies, nodeObjection, ROOT } from './prepare.mjs';

const CORPUS = join(ROOT, 'test', 'ai', 'corpus');
/** Evaluations with the sets that they judge when no file is named. */
const EVALUATIONS = {
  'eval-ai': ['ai', join(CORPUS, 'incidents.jsonl')],
  'eval-guardrails': [
    'guardrails',
    join(CORPUS, 'guardrails-tuning.jsonl'),
    join(CORPUS, 'guardrails-held-out.jsonl'),
  ],
};
const EVALUATION = 'ai/evaluation/main.js';
const ENTRIES = {
  start: 'cli/platform/main.js',
  demo: 'cli/demo/main.js',
  cli: 'cli/main.js',
  simulate: 'simulator/main.js',
  bench: 'simulator/bench/main.js',
  'eval-ai': EVALUATION,
  'eval-guardrails': EVALUATION,
};

function test(args) {
  const results = join(ROOT, 'coverage', 'results.json');
  mkdirSync(join(ROOT, 'coverage'), { recursive: true });
  // The thresholds hold for the whole suite only.
  const whole = args.length === 0;
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const report = whole ? ['--coverage', '--json', `--outputFile=${results}`] : [];
  const { status } = spawnSync(process.execPath, [jest, ...report, ...args], {
    cwd: ROOT,
    // With --json jest writes its results to stdout as well, unless they go to a file.
    stdio: 'inherit',
    env: { ...process.env, ...(whole ? { EUCORA_COVERAGE_GATE: '1' } : {}) },
  });
  process.exit(status ?? 1);
}

const [command, ...args] = process.argv.slice(2);
const objection = nodeObjection();
if (objection !== undefined) {
  console.error(objection);
  process.exit(1);
}
if (command !== 'test' && !Object.hasOwn(ENTRIES, command ?? '')) {
  console.error(`usage: node scripts/run.mjs ${['test', ...Object.keys(ENTRIES)].join('|')} [arguments]`);
  process.exit(2);
}
ensureDependencies();
ensureBuilt();
if (command === 'test') test(args);

const entry = join(ROOT, 'dist', ENTRIES[command]);
const evaluation = EVALUATIONS[command];
if (!existsSync(entry)) {
  console.error(`${entry} was not built: there is no source for it.`);
  process.exit(1);
}
// In this very process: signals then reach the program itself.
process.argv = [
  process.argv[0],
  entry,
  ...(evaluation === undefined ? args : [...evaluation, '--', ...args]),
];
process.setSourceMapsEnabled(true);
await import(pathToFileURL(entry).href);
