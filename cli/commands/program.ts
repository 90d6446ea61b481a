import { randomUUID } from 'node:crypto';
import { Command } from 'commander';
import { EXIT_CODES } from '../client/errors.ts';
import type { Io } from '../client/io.ts';
import { addAgents } from './agents.ts';
import { addApply } from './apply.ts';
import { addArtifacts } from './artifacts.ts';
import { Runtime } from './context.ts';
import { addDeployments } from './deployments.ts';
import { addEvidence } from './evidence.ts';
import { addExceptions } from './exceptions.ts';
import { addFleet } from './fleet.ts';
import { addIncidents } from './incidents.ts';
import { addPackages } from './packages.ts';
import { addPlatform } from './platform.ts';
import { addRecords } from './records.ts';
import { addStore } from './store.ts';
import { addTasks } from './tasks.ts';
import { addTokens } from './tokens.ts';
import { correlationId, option } from './values.ts';

const exitCodes = Object.values(EXIT_CODES)
  .map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`)
  .join('\n');

/** The whole command line; every command below it inherits its settings. */
export function buildProgram(io: Io): Command {
  const program = new Command('eucora')
    .description('Manages a fleet of computers through the EUCORA control plane. Version: eucora --version')
    .option('--api <url>', 'operator API (EUCORA_API; default: from endpoints.json of the data folder)')
    .option(
      '--token-file <file>',
      'file with the token, - for standard input (default: EUCORA_TOKEN, then the local platform’s admin token)',
    )
    .option('--data-dir <folder>', 'data folder of the local platform (EUCORA_DATA_DIR)')
    .option('--json', 'one JSON value on standard output; errors as JSON on standard error')
    .option('--utc', 'times instead of ages')
    .addOption(
      option('--correlation-id <id>', 'names what the request belongs to', correlationId).default(
        randomUUID(),
        'made anew',
      ),
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => io.stdout.columns || 100,
      getErrHelpWidth: () => io.stderr.columns || 100,
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText('afterAll', `\nExit status:\n${exitCodes}`);
  const runtime = new Runtime(io);
  addAgents(program, runtime);
  addTasks(program, runtime);
  addTokens(program, runtime);
  addFleet(program, runtime);
  addArtifacts(program, runtime);
  addStore(program, runtime);
  addPackages(program, runtime);
  addExceptions(program, runtime);
  addEvidence(program, runtime);
  addDeployments(program, runtime);
  addApply(program, runtime);
  addRecords(program, runtime);
  addIncidents(program, runtime);
  addPlatform(program, runtime);
  return program;
}
