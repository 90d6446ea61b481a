import type { Command } from 'commander';
import type { z } from 'zod';
import { identitySchema } from '../../contracts/access/access.ts';
import { fleetSummarySchema } from '../../contracts/agent/agent.ts';
import { type Column, text } from '../output/printer.ts';
import { noOptions, type Runtime } from './context.ts';

type Count = { readonly what: string; readonly name: string; readonly count: number };

const countColumns: readonly Column<Count>[] = [
  { title: 'BY', text: ({ what }) => what },
  { title: 'VALUE', text: ({ name }, out) => out.status(text(name)) },
  { title: 'AGENTS', text: ({ count }) => String(count) },
];

const identityFields: readonly Column<z.infer<typeof identitySchema>>[] = [
  { title: 'NAME', text: ({ name }) => text(name) },
  { title: 'SCOPES', text: ({ scopes }) => scopes.join(', ') },
  { title: 'VIA', text: ({ via }) => via },
];

const counts = (what: string, values: Readonly<Record<string, number>>): Count[] =>
  Object.entries(values).map(([name, count]) => ({ what, name, count }));

export function addFleet(program: Command, runtime: Runtime): void {
  const fleet = program.command('fleet').description('how many agents, by status, platform and version');
  runtime.act(fleet, noOptions, async ({ api, out }) => {
    const summary = await (await api()).get('/fleet/summary', fleetSummarySchema);
    const rows = [
      ...counts('status', summary.by_status),
      ...counts('platform', summary.by_platform),
      ...counts('agent version', summary.by_agent_version),
      { what: 'total', name: '', count: summary.total },
    ];
    out.answer(summary, () => out.table(countColumns, rows));
  });

  const whoami = program.command('whoami').description('who the token belongs to, and what it allows');
  runtime.act(whoami, noOptions, async ({ api, out }) => {
    const identity = await (await api()).get('/whoami', identitySchema);
    out.answer(identity, () => out.fields(identityFields, identity));
  });

  const certificate = program
    .command('ca-certificate')
    .description('the certificate by which agents know the platform (PEM)');
  runtime.act(certificate, noOptions, async ({ api, out }) => {
    const pem = await (await api()).text('/ca-certificate');
    out.answer({ ca_certificate: pem }, () => `${pem.trimEnd()}\n`);
  });
}
