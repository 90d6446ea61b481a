import type { Command } from 'commander';
import { z } from 'zod';
import {
  deploymentSchema,
  packageRulesSchema,
  rolloutPlanSchema,
} from '../../contracts/deployment/deployment.ts';
import { usageError } from '../client/errors.ts';
import type { Context, Runtime } from './context.ts';
import { deploymentColumns } from './deployment-columns.ts';
import { readText } from './files.ts';
import { id, ids, option } from './values.ts';
import { parseYaml, readAs } from './yaml.ts';

const createOptions = z.object({
  pipeline: z.string(),
  plan: z.string().optional(),
  planName: z.string().optional(),
  rules: z.string().optional(),
  name: z.string().optional(),
  agent: z.array(z.string()).optional(),
  tag: z.string().optional(),
  hostname: z.string().optional(),
  agentVersion: z.string().optional(),
});
type CreateOptions = z.infer<typeof createOptions>;

export function addDeploymentCreate(deployments: Command, runtime: Runtime): void {
  const create = deployments
    .command('create')
    .addOption(option('--pipeline <id>', 'that passed', id).makeOptionMandatory())
    .option('--plan <file>', 'rollout plan in YAML or JSON')
    .option('--plan-name <name>', 'rollout plan that was applied')
    .option('--rules <file>', 'detection, requirements, dependencies and replaces, in YAML or JSON')
    .option('--name <name>', 'for people (default: the package and its version)')
    .addOption(option('--agent <id>', 'only this agent; may be repeated', ids))
    .option('--tag <name[=value]>', 'only agents with this tag')
    .option('--hostname <part>', 'only agents with this part in their hostname')
    .option('--agent-version <version>', 'only agents of this version')
    .description('deploy a package that passed, in rings');
  runtime.act(create, createOptions, async (context, options) => {
    const body = await requestOf(options);
    const client = await context.api();
    const deployment = await client.post('/deployments', deploymentSchema, body, { repeatable: true });
    context.out.answer(deployment, () => context.out.table(deploymentColumns, [deployment]));
    hint(context, deployment.id, deployment.approval_required);
  });
}

async function requestOf(options: CreateOptions) {
  if ((options.plan === undefined) === (options.planName === undefined))
    throw usageError('It is not said how to roll out', 'Give either --plan FILE or --plan-name NAME.');
  const rules = options.rules === undefined ? {} : await fileAs(options.rules, packageRulesSchema);
  return {
    ...rules,
    pipeline_id: options.pipeline,
    name: options.name,
    plan: options.plan === undefined ? undefined : await fileAs(options.plan, rolloutPlanSchema),
    plan_name: options.planName,
    selection: {
      agent_ids: options.agent,
      tag: options.tag,
      hostname: options.hostname,
      agent_version: options.agentVersion,
    },
  };
}

async function fileAs<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return readAs(parseYaml(path, await readText(path)), schema);
}

function hint({ out }: Context, deployment: string, approvalRequired: boolean): void {
  out.note(
    approvalRequired
      ? `Somebody else must approve it: eucora deployments approve ${deployment}`
      : `Its risk lies below the threshold. To follow it: eucora deployments watch ${deployment}`,
  );
}
