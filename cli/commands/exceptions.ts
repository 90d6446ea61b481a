import type { Command } from 'commander';
import { z } from 'zod';
import {
  EXCEPTION_STATUSES,
  type PolicyException,
  policyExceptionSchema,
} from '../../contracts/packaging-pipeline/exception.ts';
import { type Column, text } from '../output/printer.ts';
import { argumentOf, noOptions, type Runtime } from './context.ts';
import { asList } from './list.ts';
import { duration, id, oneOf, option, texts } from './values.ts';

const columns: readonly Column<PolicyException>[] = [
  { title: 'ID', text: (one) => one.id },
  { title: 'STATUS', text: (one, out) => out.status(one.status) },
  { title: 'PACKAGE', text: (one) => text(`${one.package_name} ${one.package_version ?? '(all versions)'}`) },
  { title: 'FINDINGS', text: (one) => text(one.cve_ids.join(', ')) },
  { title: 'REQUESTED BY', text: (one) => text(one.requested_by) },
  { title: 'APPROVER', text: (one) => text(one.approver) },
  { title: 'EXPIRES', text: (one, out) => out.time(one.expires_at) },
];
const fields: readonly Column<PolicyException>[] = [
  ...columns,
  { title: 'REASON', text: (one) => text(one.reason) },
  { title: 'CREATED', text: (one, out) => out.time(one.created_at) },
  { title: 'APPROVED', text: (one, out) => out.time(one.approved_at) },
  { title: 'REVOKED', text: (one, out) => out.time(one.revoked_at) },
  { title: 'REVOKED BY', text: (one) => text(one.revoked_by) },
];

const requestOptions = z.object({
  package: z.string(),
  packageVersion: z.string().optional(),
  cve: z.array(z.string()),
  reason: z.string(),
  expires: z.number().optional(),
});

export function addExceptions(program: Command, runtime: Runtime): void {
  const exceptions = program.command('exceptions').description('findings that a package may have for a time');

  const request = exceptions
    .command('request')
    .requiredOption('--package <name>', 'whose findings')
    .option('--package-version <version>', 'only of this version')
    .addOption(option('--cve <id>', 'finding; may be given again', texts).makeOptionMandatory())
    .requiredOption('--reason <text>', 'why it may be')
    .addOption(option('--expires <span>', 'life, such as 7d or 30d (default)', duration))
    .description('ask for an exception; another person has to approve it');
  runtime.act(request, requestOptions, async ({ api, out }, options) => {
    const exception = await (await api()).post('/policy-exceptions', policyExceptionSchema, {
      package_name: options.package,
      package_version: options.packageVersion,
      cve_ids: options.cve,
      reason: options.reason,
      expires_in_seconds: options.expires,
    });
    out.answer(exception, () => out.fields(fields, exception));
    out.note('It excuses nothing until another person approves it.');
  });

  asList(runtime, exceptions.command('list').description('list exceptions, newest first'), {
    path: '/policy-exceptions',
    item: policyExceptionSchema,
    columns,
    filters: [
      {
        option: option('--status <status>', EXCEPTION_STATUSES.join(', '), oneOf(EXCEPTION_STATUSES)),
        key: 'status',
      },
      { option: exceptions.createOption('--package <name>', 'of this package'), key: 'package_name' },
    ],
    nothing: 'exceptions',
  });

  for (const [word, what] of [
    ['approve', 'approve what another person requested'],
    ['revoke', 'end one at once; packages that have passed stay as they are'],
  ] as const) {
    const command = exceptions.command(word).argument('<id>', 'of the exception', id).description(what);
    runtime.act(command, noOptions, async ({ api, out }, _options, args) => {
      const path = `/policy-exceptions/${argumentOf(args)}/${word}`;
      const exception = await (await api()).post(path, policyExceptionSchema);
      out.answer(exception, () => out.fields(fields, exception));
    });
  }
}
