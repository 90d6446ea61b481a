import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { messageOf } from '../cli/engines/errors.ts';
import type { Progress } from '../cli/engines/progress.ts';
import { type Comparison, type SimulationOptions, simulateCommand } from './options.ts';
import { compareReports } from './report/compare.ts';
import { renderPage } from './report/page.ts';
import type { SimulationReport } from './report/report.ts';
import { runSimulation } from './simulation.ts';

export interface SimulateCommand {
  readonly args: readonly string[];
  /** One line of JSON, and nothing else. */
  readonly out: (line: string) => void;
  /** Words for people. */
  readonly say: (line: string) => void;
  readonly progress: Progress;
  readonly tellEveryMs: number;
  readonly signal: AbortSignal;
}

/** Ended by Ctrl-C. */
const INTERRUPTED = 130;

/**
 * `npm run simulate -- [options]`.
 *
 * @returns the exit status: 0, 1 when a check failed or it could not run, 2 when it was not understood
 */
export async function simulate(command: SimulateCommand): Promise<number> {
  let options: SimulationOptions | undefined;
  let comparison: Comparison | undefined;
  try {
    await simulateCommand(
      async (given) => {
        options = given;
      },
      async (given) => {
        comparison = given;
      },
    )
      .exitOverride()
      .configureOutput({
        writeOut: (text) => command.say(text.trimEnd()),
        writeErr: (text) => command.say(text.trimEnd()),
      })
      .parseAsync([...command.args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  try {
    if (comparison !== undefined) {
      const slower = await compareReports(comparison.paths, comparison.threshold, command.say);
      command.out(JSON.stringify({ name: 'compare', slower }));
      return slower.length === 0 ? 0 : 1;
    }
    if (options === undefined) return 2;
    return await runAndTell(options, command);
  } catch (error) {
    if (command.signal.aborted) return INTERRUPTED;
    command.say(messageOf(error));
    return 1;
  }
}

async function runAndTell(options: SimulationOptions, command: SimulateCommand): Promise<number> {
  if (options.dataDir !== undefined && (await readdir(options.dataDir).catch(() => [])).length > 0) {
    command.say(`${options.dataDir} is not empty: a fleet needs a platform of its own. Name a new folder.`);
    return 2;
  }
  const own = options.dataDir === undefined;
  const root = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'eucora-simulation-')));
  // As root, Postgres' own user must pass.
  if (own) await chmod(root, 0o711);
  try {
    const report = await runSimulation(options, {
      bundle: { code: await readFile(bundlePath(), 'utf8') },
      dataDir: resolve(root, 'platform'),
      progress: command.progress,
      tellEveryMs: command.tellEveryMs,
      signal: command.signal,
      beforeStop: async (finished) => {
        const { json, page } = await writeReport(finished, options);
        tellResult(finished, command.say);
        command.say(`Report: ${page}\n        ${json}`);
        if (options.keep) await untilAborted(command);
      },
    });
    command.out(JSON.stringify(withoutSeries(report)));
    return report.passed ? 0 : 1;
  } finally {
    if (own) await rm(root, { recursive: true, force: true });
  }
}

async function untilAborted({ say, signal }: SimulateCommand): Promise<void> {
  say('The platform stays up. Ctrl-C stops it.');
  await new Promise<void>((stop) => {
    if (signal.aborted) stop();
    else signal.addEventListener('abort', () => stop(), { once: true });
  });
}

function tellResult(report: SimulationReport, say: (line: string) => void): void {
  for (const check of report.checks) {
    say(`${check.passed ? '✓' : '✗'} ${check.name}: ${check.violations} wrong of ${check.checked} looked at`);
    for (const example of check.examples) say(`    ${example}`);
  }
}

async function writeReport(
  report: SimulationReport,
  options: SimulationOptions,
): Promise<{ json: string; page: string }> {
  const time = report.begun_at.slice(0, 19).replaceAll(':', '-');
  const folder = resolve(
    options.reportDir ?? join('reports', `${time}-${options.scenario}-${options.agents}`),
  );
  await mkdir(folder, { recursive: true });
  const json = join(folder, 'report.json');
  const page = join(folder, 'report.html');
  await writeFile(json, `${JSON.stringify(report)}\n`);
  await writeFile(page, renderPage(report));
  return { json, page };
}

/** Made by the build, beside the product's own. */
function bundlePath(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const root = resolve(here, '..');
  return join(import.meta.url.endsWith('.ts') ? join(root, 'dist') : root, 'simulation-bundle.js');
}

function withoutSeries(report: SimulationReport): Omit<SimulationReport, 'series'> {
  const { series: _, ...rest } = report;
  return rest;
}
