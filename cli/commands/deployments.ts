import type { Command } from 'commander';
import { z } from 'zod';
import {
  decisionSchema,
  decisionsSchema,
  deploymentDeviceSchema,
  deploymentRingsSchema,
  deploymentSchema,
} from '../../contracts/deployment/deployment.ts';
import { DEPLOYMENT_STATUSES, DEVICE_STATES } from '../../contracts/deployment/states.ts';
import { argumentOf, noOptions, type Runtime } from './context.ts';
import { deploymentColumns, deploymentFields, deviceColumns } from './deployment-columns.ts';
import { addDeploymentCreate } from './deployment-create.ts';
import { addDeploymentWatch } from './deployment-watch.ts';
import { asList } from './list.ts';
import { addDeploymentReports } from './records.ts';
import { correlationId, id, instant, oneOf, option, whole } from './values.ts';

const wordOptions = z.object({ reason: z.string().default('') });
const decisionOptions = z.object({
  comment: z.string().default(''),
  note: z.string().optional(),
  notBefore: z.string().optional(),
  pauseAfter: z.string().optional(),
  maxPerMinute: z.number().optional(),
});

const WORDS = [
  ['pause', 'give out no more tasks, and take back those that no agent has begun'],
  ['resume', 'go on; also past a ring that did not pass by itself'],
  ['abort', 'end it where it stands; what is installed stays'],
  ['rollback', 'have every touched device go back to the version before'],
] as const;

export function addDeployments(program: Command, runtime: Runtime): void {
  const deployments = program.command('deployments').description('packages on their way into the fleet');
  addDeploymentCreate(deployments, runtime);

  asList(runtime, deployments.command('list').description('list deployments, newest first'), {
    path: '/deployments',
    item: deploymentSchema,
    columns: deploymentColumns,
    nothing: 'deployments',
    filters: [
      {
        option: option('--status <status>', DEPLOYMENT_STATUSES.join(', '), oneOf(DEPLOYMENT_STATUSES)),
        key: 'status',
      },
      { option: deployments.createOption('--package <name>', 'of this package'), key: 'package_name' },
      { option: option('--pipeline <id>', 'of this pipeline', id), key: 'pipeline_id' },
      { option: option('--correlation <id>', 'what belongs together', correlationId), key: 'correlation_id' },
    ],
  });

  const show = deployments
    .command('show')
    .argument('<id>', 'of the deployment', id)
    .description('show one deployment: rings, risk factor by factor, decision');
  runtime.act(show, noOptions, async ({ api, out }, _options, args) => {
    const client = await api();
    const path = `/deployments/${argumentOf(args)}`;
    const deployment = await client.get(path, deploymentSchema);
    const { items: rings } = await client.get(`${path}/rings`, deploymentRingsSchema);
    const { items: decisions } = await client.get(`${path}/decisions`, decisionsSchema);
    const all = { deployment, rings, decisions };
    out.answer({ ...deployment, rings, decisions }, () => out.fields(deploymentFields, all));
  });

  const devices = deployments
    .command('devices')
    .argument('<id>', 'of the deployment', id)
    .description('list the devices of a deployment');
  asList(runtime, devices, {
    path: (_context, args) => `/deployments/${argumentOf(args)}/devices`,
    item: deploymentDeviceSchema,
    columns: deviceColumns,
    nothing: 'devices',
    filters: [
      { option: devices.createOption('--ring <name>', 'of this ring'), key: 'ring' },
      { option: option('--state <state>', DEVICE_STATES.join(', '), oneOf(DEVICE_STATES)), key: 'state' },
    ],
  });

  addDeploymentWatch(deployments, runtime);
  addDecisions(deployments, runtime);

  for (const [word, what] of WORDS) {
    const command = deployments
      .command(word)
      .argument('<id>', 'of the deployment', id)
      .option('--reason <text>', 'kept with the deployment and in the audit')
      .description(what);
    runtime.act(command, wordOptions, async ({ api, out }, { reason }, args) => {
      const path = `/deployments/${argumentOf(args)}/${word}`;
      const deployment = await (await api()).post(path, deploymentSchema, { reason });
      out.answer(deployment, () => out.table(deploymentColumns, [deployment]));
    });
  }

  addDeploymentReports(deployments, runtime);
}

function addDecisions(deployments: Command, runtime: Runtime): void {
  const time = instant(runtime.io.now);
  const decide = (word: 'approve' | 'reject', what: string): Command =>
    deployments
      .command(word)
      .argument('<id>', 'of the deployment', id)
      .option('--comment <text>', 'for those who ask later')
      .description(what);
  const act = (command: Command, decision: 'approve' | 'reject') =>
    runtime.act(command, decisionOptions, async ({ api, out }, options, args) => {
      const given = {
        note: options.note,
        not_before: options.notBefore,
        pause_after_ring: options.pauseAfter,
        max_per_minute: options.maxPerMinute,
      };
      const conditions = Object.values(given).some((value) => value !== undefined) ? given : undefined;
      const path = `/deployments/${argumentOf(args)}/decisions`;
      const body = { decision, comment: options.comment, conditions };
      const made = await (await api()).post(path, decisionSchema, body);
      const told = decision === 'approve' ? 'Approved' : 'Rejected';
      out.answer(made, () => `${told}${conditions === undefined ? '' : ' with conditions'}.\n`);
    });
  const approve = decide('approve', 'let a deployment begin that somebody else created')
    .option('--note <text>', 'condition for people')
    .addOption(option('--not-before <time>', 'begin no earlier (time or date)', time))
    .option('--pause-after <ring>', 'pause after this ring, for a person to look')
    .addOption(option('--max-per-minute <count>', 'rate cap', whole(1, 100_000)));
  act(approve, 'approve');
  act(decide('reject', 'end a deployment that waits for a decision'), 'reject');
}
