import type { Command } from 'commander';
import { z } from 'zod';
import { createdOperatorTokenSchema, operatorTokenSchema, SCOPES } from '../../contracts/access/access.ts';
import { createdEnrolmentTokenSchema, enrolmentTokenSchema } from '../../contracts/agent/enrolment.ts';
import type { Column } from '../output/printer.ts';
import { pairs, text } from '../output/printer.ts';
import { argumentOf, noOptions, type Runtime } from './context.ts';
import { asList } from './list.ts';
import { duration, id, option, someOf, tag, whole } from './values.ts';

interface AnyToken {
  readonly id: string;
  readonly name: string;
  readonly expires_at: string | null;
  readonly created_by: string;
  readonly created_at: string;
  readonly revoked_at: string | null;
}

const columns = <T extends AnyToken>(own: readonly Column<T>[]): readonly Column<T>[] => [
  { title: 'ID', text: (token) => token.id },
  { title: 'NAME', text: (token) => text(token.name) },
  ...own,
  { title: 'EXPIRES', text: (token, out) => out.time(token.expires_at) },
  { title: 'REVOKED', text: (token, out) => out.time(token.revoked_at) },
  { title: 'CREATED', text: (token, out) => out.time(token.created_at) },
  { title: 'BY', text: (token) => text(token.created_by) },
];

const enrolmentColumns = columns<z.infer<typeof enrolmentTokenSchema>>([
  { title: 'USES', text: (token) => `${token.use_count} of ${token.max_uses ?? 'any'}` },
  { title: 'TAGS', text: (token) => pairs(token.tags) },
]);
const operatorColumns = columns<z.infer<typeof operatorTokenSchema>>([
  { title: 'SCOPES', text: (token) => token.scopes.join(', ') },
]);

const tokenField: Column<{ readonly token: string }> = { title: 'TOKEN', text: ({ token }) => text(token) };
const SHOWN_ONCE = 'The token is shown only now; keep it where secrets are kept.';

const UNLIMITED = 'unlimited';

const enrolmentOptions = z.object({
  name: z.string(),
  expires: z.number().optional(),
  maxUses: z.union([z.number(), z.literal(UNLIMITED)]).optional(),
  tag: z.record(z.string(), z.union([z.string(), z.boolean()])).optional(),
});
const operatorOptions = z.object({
  name: z.string(),
  scope: z.array(z.string()),
  expires: z.number().optional(),
});

const uses = (value: string): number | typeof UNLIMITED =>
  value === UNLIMITED ? UNLIMITED : whole(1, 1_000_000)(value);

export function addTokens(program: Command, runtime: Runtime): void {
  const tokens = program.command('tokens').description('tokens that let agents and operators in');
  const enrolment = tokens.command('enrolment').description('tokens with which agents enrol');
  const operator = tokens.command('operator').description('tokens with which operators sign in');

  const createEnrolment = enrolment
    .command('create')
    .description('make an enrolment token')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(option('--expires <span>', 'life, such as 24h (default) or 30d', duration))
    .addOption(option('--max-uses <count>', 'machines that may use it (default: 1), or unlimited', uses))
    .addOption(option('--tag <name=value>', 'tag for agents that enrol with it; may be given again', tag));
  runtime.act(createEnrolment, enrolmentOptions, async ({ api, out }, options) => {
    const token = await (await api()).post('/enrolment-tokens', createdEnrolmentTokenSchema, {
      name: options.name,
      expires_in_seconds: options.expires,
      max_uses: options.maxUses === UNLIMITED ? null : options.maxUses,
      tags: options.tag,
    });
    out.answer(token, () => out.fields([...enrolmentColumns, tokenField], token));
    out.note(SHOWN_ONCE);
  });

  const createOperator = operator
    .command('create')
    .description('make an operator token')
    .requiredOption('--name <name>', 'who or what uses it')
    .addOption(
      option(
        '--scope <scopes>',
        `${SCOPES.join(', ')}; several with commas`,
        someOf(SCOPES),
      ).makeOptionMandatory(),
    )
    .addOption(option('--expires <span>', 'life, such as 12h or 90d (default)', duration));
  runtime.act(createOperator, operatorOptions, async ({ api, out }, options) => {
    const token = await (await api()).post('/operator-tokens', createdOperatorTokenSchema, {
      name: options.name,
      scopes: [...new Set(options.scope)],
      expires_in_seconds: options.expires,
    });
    out.answer(token, () => out.fields([...operatorColumns, tokenField], token));
    out.note(SHOWN_ONCE);
  });

  asList(runtime, enrolment.command('list').description('list enrolment tokens'), {
    path: '/enrolment-tokens',
    item: enrolmentTokenSchema,
    columns: enrolmentColumns,
    filters: [],
    nothing: 'enrolment tokens',
  });
  asList(runtime, operator.command('list').description('list operator tokens'), {
    path: '/operator-tokens',
    item: operatorTokenSchema,
    columns: operatorColumns,
    filters: [],
    nothing: 'operator tokens',
  });
  addRevoke(runtime, enrolment, '/enrolment-tokens', 'no further agent enrols with it');
  addRevoke(runtime, operator, '/operator-tokens', 'it stops working at once');
}

function addRevoke(runtime: Runtime, parent: Command, path: string, effect: string): void {
  const revoke = parent
    .command('revoke')
    .argument('<id>', 'of the token', id)
    .description(`revoke one: ${effect}`);
  runtime.act(revoke, noOptions, async ({ api, out }, _options, args) => {
    const tokenId = argumentOf(args);
    await (await api()).delete(`${path}/${tokenId}`);
    out.answer({ revoked: tokenId }, () => `Revoked token ${tokenId}.\n`);
  });
}
