import type { Command } from 'commander';
import { z } from 'zod';
import { COLLECTIBLES, INTERPRETERS, PACKAGE_FORMATS } from '../../contracts/agent-task/payload.ts';
import { TASK_TYPES } from '../../contracts/agent-task/states.ts';
import { MAX_BULK_TASKS } from '../../contracts/agent-task/task.ts';
import { usageError } from '../client/errors.ts';
import { readInput } from '../client/io.ts';
import type { Context, Runtime } from './context.ts';
import { chooseArtifact, readText } from './files.ts';
import { selectionFilters } from './selection.ts';
import { createTasks, targetOptions } from './task-target.ts';
import { duration, ids, oneOf, option, someOf, whole } from './values.ts';

const MAX_INPUT_BYTES = 524_288;

const rawOptions = targetOptions.extend({
  type: z.enum(TASK_TYPES).optional(),
  payload: z.string().default('{}'),
});
const collectOptions = targetOptions.extend({ what: z.array(z.string()).optional() });
const deployOptions = targetOptions.extend({
  artifact: z.string(),
  package: z.string(),
  version: z.string(),
  format: z.string().optional(),
  intent: z.string().optional(),
  detectFile: z.string().optional(),
  detectSha256: z.string().optional(),
  detectPackage: z.string().optional(),
  detectVersion: z.string().optional(),
});
const remediateOptions = targetOptions.extend({
  script: z.string(),
  interpreter: z.string().optional(),
  timeLimit: z.number().optional(),
});
const updateOptions = targetOptions.extend({
  artifact: z.string(),
  version: z.string(),
  healthTimeout: z.number().optional(),
});

/** `tasks create`, raw or by type; options that all share stand at `create`, and are taken after the type too. */
export function addTaskCreate(tasks: Command, runtime: Runtime): void {
  const create = tasks
    .command('create')
    .description('create a task for one agent, or for all that fit the filters')
    .addOption(option('--agent <id>', 'for this agent; may be given again', ids));
  for (const filter of selectionFilters()) create.addOption(filter.option);
  create
    .addOption(option('--timeout <span>', 'from start to TIMEOUT (default: 1h)', duration))
    .addOption(option('--max-retries <count>', 'lost hand-overs tolerated (default: 3)', whole(0, 100)))
    .addOption(option('--max-agents <count>', 'if more fit, create none', whole(1, MAX_BULK_TASKS)))
    .option('--dry-run', 'only tell how many agents it would be')
    .addOption(
      option('--type <type>', `without a command below: ${TASK_TYPES.join(', ')}`, oneOf(TASK_TYPES)),
    )
    .option('--payload <json>', 'with --type: JSON, @file, or @- for standard input');
  runtime.act(create, rawOptions, async (context, options) => {
    if (options.type === undefined) {
      throw usageError(
        'What the task is to do is missing',
        'Name a kind (see --help), or --type and --payload.',
      );
    }
    const payload = parsePayload(await readPayload(context, options.payload));
    await createTasks(context, options, { task_type: options.type, payload });
  });

  const collect = create
    .command('collect')
    .description('have facts collected')
    .addOption(
      option('--what <things>', `${COLLECTIBLES.join(', ')}; several with commas`, someOf(COLLECTIBLES)),
    );
  runtime.act(collect, collectOptions, (context, options) =>
    createTasks(context, options, { task_type: 'COLLECT', payload: { collect: options.what } }),
  );

  const deploy = create
    .command('deploy')
    .description('have a package installed')
    .requiredOption(
      '--artifact <file|sha256>',
      'the package: a file, which is uploaded first, or an artifact',
    )
    .requiredOption('--package <name>', 'its name')
    .requiredOption('--version <version>', 'its version')
    .addOption(option('--format <format>', PACKAGE_FORMATS.join(', '), oneOf(PACKAGE_FORMATS)))
    .option('--intent <id>', 'deployment intent that it belongs to')
    .option('--detect-file <path>', 'installed means: this file exists')
    .option('--detect-sha256 <hash>', '… with this content')
    .option('--detect-package <name>', '… the package database knows this name')
    .option('--detect-version <version>', '… in this version');
  runtime.act(deploy, deployOptions, async (context, options) => {
    const { reference, file } = await chooseArtifact(options.artifact);
    const detection = {
      file_exists: options.detectFile,
      file_sha256: options.detectSha256,
      package_name: options.detectPackage,
      package_version: options.detectVersion,
    };
    const payload = {
      package_name: options.package,
      package_version: options.version,
      format: options.format,
      artifact: reference,
      detection: Object.values(detection).some((rule) => rule !== undefined) ? detection : undefined,
      deployment_intent: options.intent,
    };
    await createTasks(context, options, { task_type: 'DEPLOY', payload, file });
  });

  const remediate = create
    .command('remediate')
    .description('have a script run')
    .requiredOption('--script <file>', 'the script; - for standard input')
    .addOption(option('--interpreter <name>', INTERPRETERS.join(', '), oneOf(INTERPRETERS)))
    .addOption(option('--time-limit <span>', 'of the script (default: 5m)', duration));
  runtime.act(remediate, remediateOptions, async (context, options) => {
    const script = await readSource(context, options.script);
    const payload = { script, interpreter: options.interpreter, time_limit_seconds: options.timeLimit };
    await createTasks(context, options, { task_type: 'REMEDIATE', payload });
  });

  const update = create
    .command('update')
    .description('have the agent replaced by another version of itself')
    .requiredOption('--artifact <file|sha256>', 'the agent: a file, which is uploaded first, or an artifact')
    .requiredOption('--version <version>', 'its version')
    .addOption(option('--health-timeout <span>', 'until it is rolled back (default: 60s)', duration));
  runtime.act(update, updateOptions, async (context, options) => {
    const { reference, file } = await chooseArtifact(options.artifact);
    const payload = {
      version: options.version,
      artifact: reference,
      health_timeout_seconds: options.healthTimeout,
    };
    await createTasks(context, options, { task_type: 'UPDATE', payload, file });
  });
}

async function readSource({ io }: Context, source: string): Promise<string> {
  return source === '-' ? await readInput(io.stdin, MAX_INPUT_BYTES) : await readText(source);
}

async function readPayload(context: Context, payload: string): Promise<string> {
  return payload.startsWith('@') ? await readSource(context, payload.slice(1)) : payload;
}

function parsePayload(content: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(content));
  } catch (error) {
    throw usageError('The payload is not a JSON object', 'Give one as {"name": "value"}, or @file.', error);
  }
}
