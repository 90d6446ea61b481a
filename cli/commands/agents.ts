import type { Command } from 'commander';
import { z } from 'zod';
import { type Agent, agentSchema } from '../../contracts/agent/agent.ts';
import { type AgentCertificate, agentCertificateSchema } from '../../contracts/agent/certificate.ts';
import { installedSoftwareSchema } from '../../contracts/telemetry/telemetry.ts';
import { usageError } from '../client/errors.ts';
import { agentColumns, agentFields, certificateFields } from './agent-columns.ts';
import { confirm } from './confirm.ts';
import { argumentOf, noOptions, type Runtime } from './context.ts';
import { asList } from './list.ts';
import { selectionFilters } from './selection.ts';
import { softwareColumns, telemetryColumns, telemetryRecord } from './telemetry-columns.ts';
import { id, instant, option, tag, texts } from './values.ts';

const tagOptions = z.object({ remove: z.array(z.string()).default([]) });
const deleteOptions = z.object({ yes: z.boolean().default(false) });

export function addAgents(program: Command, runtime: Runtime): void {
  const agents = program.command('agents').description('the computers of the fleet');
  const time = instant(runtime.io.now);

  asList(runtime, agents.command('list').description('list agents'), {
    path: '/agents',
    item: agentSchema,
    columns: agentColumns,
    nothing: 'agents',
    filters: [
      ...selectionFilters(),
      {
        option: option('--cloned-from <id>', 'agents that enrolled with the certificate of this one', id),
        key: 'cloned_from',
      },
      {
        option: option('--heartbeat-after <time>', 'last heard at or after it (time, date or 2h)', time),
        key: 'last_heartbeat_after',
      },
      {
        option: option('--heartbeat-before <time>', 'last heard before it', time),
        key: 'last_heartbeat_before',
      },
    ],
  });

  const show = agents
    .command('show')
    .argument('<id>', 'of the agent', id)
    .description('show one agent and its certificate');
  runtime.act(show, noOptions, async ({ api, out }, _options, args) => {
    const client = await api();
    const path = `/agents/${argumentOf(args)}`;
    const agent = await client.get(path, agentSchema);
    const { items } = await client.page(`${path}/certificates`, agentCertificateSchema, { limit: 1 });
    const [certificate = null] = items;
    out.answer({ ...agent, certificate }, () =>
      certificate === null
        ? out.fields(agentFields, agent)
        : out.fields<Agent & AgentCertificate>([...agentFields, ...certificateFields], {
            ...agent,
            ...certificate,
          }),
    );
  });

  const retag = agents
    .command('tag')
    .argument('<id>', 'of the agent', id)
    .argument('[tags...]', 'name=value, or name for true')
    .addOption(option('--remove <name>', 'tag to take away; may be given again', texts))
    .description('set and remove tags; the others stay');
  runtime.act(retag, tagOptions, async ({ api, out }, { remove }, args) => {
    const set = args.slice(1).reduce<Record<string, string | boolean>>((all, one) => tag(one, all), {});
    if (Object.keys(set).length + remove.length === 0) {
      throw usageError('No tag is named', 'Give name=value to set one, --remove name to take one away.');
    }
    const path = `/agents/${argumentOf(args)}`;
    const client = await api();
    const { tags } = await client.get(path, agentSchema);
    const kept = Object.entries({ ...tags, ...set }).filter(([name]) => !remove.includes(name));
    const agent = await client.patch(path, agentSchema, { tags: Object.fromEntries(kept) });
    out.answer(agent, () => out.fields(agentFields, agent));
  });

  const revoke = agents
    .command('revoke')
    .argument('<id>', 'of the agent', id)
    .description('end an agent’s access; its certificate stops working at once');
  runtime.act(revoke, noOptions, async ({ api, out }, _options, args) => {
    const agent = await (await api()).post(`/agents/${argumentOf(args)}/revoke`, agentSchema);
    out.answer(agent, () => out.fields(agentFields, agent));
  });

  const remove = agents
    .command('delete')
    .argument('<id>', 'of the agent', id)
    .option('--yes', 'do not ask')
    .description('delete an agent with all that belongs to it; the audit stays');
  runtime.act(remove, deleteOptions, async ({ api, io, out }, { yes }, args) => {
    const client = await api();
    const agentId = argumentOf(args);
    if (!yes) {
      const agent = await client.get(`/agents/${agentId}`, agentSchema);
      await confirm(io, `Delete agent ${agentId} (${agent.hostname}) for good?`);
    }
    await client.delete(`/agents/${agentId}`);
    out.answer({ deleted: agentId }, () => `Deleted agent ${agentId}.\n`);
  });

  const telemetry = agents.command('telemetry').argument('<id>', 'of the agent', id);
  asList(runtime, telemetry.description('measurements of an agent, newest first'), {
    path: (_context, args) => `/agents/${argumentOf(args)}/telemetry`,
    item: telemetryRecord,
    columns: telemetryColumns,
    nothing: 'telemetry',
    filters: [
      {
        option: option('--after <time>', 'collected at or after it (time, date or 2h)', time),
        key: 'collected_after',
      },
      { option: option('--before <time>', 'collected before it', time), key: 'collected_before' },
      {
        option: telemetry.createOption('--with-software', 'also the software lists (with --json)'),
        key: 'with_software',
        value: true,
      },
    ],
  });

  const software = agents.command('software').argument('<id>', 'of the agent', id);
  runtime.act(
    software.description('software installed on an agent'),
    noOptions,
    async ({ api, out }, _o, args) => {
      const found = await (await api()).get(`/agents/${argumentOf(args)}/software`, installedSoftwareSchema);
      out.answer(found, () =>
        found.software.length === 0 ? '' : out.table(softwareColumns, found.software),
      );
      out.note(`${found.software.length} packages, collected: ${out.time(found.collected_at)}`);
    },
  );
}
