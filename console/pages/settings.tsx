import type { Context } from 'hono';
import type { z } from 'zod';
import {
  createdOperatorTokenSchema,
  type OperatorToken,
  operatorTokenSchema,
  SCOPES,
} from '../../contracts/access/access.ts';
import {
  createdEnrolmentTokenSchema,
  type EnrolmentToken,
  enrolmentTokenSchema,
} from '../../contracts/agent/enrolment.ts';
import { MAX_PAGE_SIZE } from '../../contracts/http/common.ts';
import { Act, Field } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, ProblemNote, Section, Time } from '../components/parts.tsx';
import { type Column, Pager, Table } from '../components/table.tsx';
import { may } from '../may.ts';
import { ApiProblem } from '../problem.ts';
import { fields, pick, values } from '../query.ts';
import type { AddPages, ConsoleEnv } from '../types.ts';
import { parseTags } from './agent.tsx';
import { Confirm } from './confirm.tsx';

const PATH = '/console/settings';
const DAY_SECONDS = 86_400;
const SHOWN = 50;
/** What names the cursors of the two lists in the address. */
const LISTS = ['enrolment', 'operators'] as const;

interface Notice {
  readonly problem?: ApiProblem['problem'];
  readonly secret?: { readonly what: string; readonly value: string };
}

type Made = EnrolmentToken | OperatorToken;

const lifetime = (revocable: boolean, kind: string): Column<Made>[] => [
  { name: 'Made', cell: (token) => <Time at={token.created_at} />, wide: true },
  { name: 'Expires', cell: (token) => <Time at={token.expires_at} none="never" /> },
  {
    name: 'State',
    cell: (token) =>
      token.revoked_at !== null ? (
        'revoked'
      ) : revocable ? (
        <Act action={`${PATH}/${kind}/${token.id}/revoke`} label={`Revoke ${token.name}`} danger />
      ) : (
        'valid'
      ),
  },
];

async function settings(c: Context<ConsoleEnv>, notice: Notice = {}) {
  const { api, operator } = c.var;
  const query = pick(c, LISTS);
  const canEnrol = may(operator, 'operator');
  const isAdmin = may(operator, 'admin');
  const enrolment = canEnrol
    ? await api.page('/enrolment-tokens', enrolmentTokenSchema, { limit: SHOWN, cursor: query['enrolment'] })
    : undefined;
  const operators = isAdmin
    ? await api.page('/operator-tokens', operatorTokenSchema, { limit: SHOWN, cursor: query['operators'] })
    : undefined;
  return (
    <Page title="Settings" section={PATH} operator={operator}>
      {notice.problem === undefined ? null : <ProblemNote problem={notice.problem} />}
      {notice.secret === undefined ? null : (
        <div class="notice" role="status">
          {notice.secret.what}, shown this once: <span class="secret">{notice.secret.value}</span>
        </div>
      )}
      <p>
        What the packaging policy may be excused from: <a href="/console/exceptions">policy exceptions</a>.
      </p>
      {enrolment === undefined ? null : (
        <Section title="Enrolment tokens" id="enrolment">
          <form method="post" action={`${PATH}/enrolment-tokens`} class="stack">
            <Field name="name" label="Name" required />
            <Field name="days" label="Valid for days" type="number" required min={1} max={365} value={1} />
            <Field
              name="max_uses"
              label="Uses (empty: any number)"
              type="number"
              min={1}
              max={1_000_000}
              value={1}
            />
            <Field name="tags" label="Tag of its agents" hint="site=zurich" />
            <button type="submit">Make an enrolment token</button>
          </form>
          {enrolment.items.length === 0 ? (
            <Empty>None yet. A machine needs one to enrol.</Empty>
          ) : (
            <Table<EnrolmentToken>
              caption="Enrolment tokens"
              rows={enrolment.items}
              columns={[
                { name: 'Name', cell: (token) => token.name },
                { name: 'Used', cell: (token) => `${token.use_count} of ${token.max_uses ?? 'any number'}` },
                ...(lifetime(true, 'enrolment-tokens') as Column<EnrolmentToken>[]),
              ]}
            />
          )}
          <Pager
            path={PATH}
            query={query}
            next={enrolment.next_cursor}
            anchor="enrolment"
            parameter="enrolment"
          />
        </Section>
      )}
      {operators === undefined ? null : (
        <Section title="Operators" id="operators">
          <form method="post" action={`${PATH}/operator-tokens`} class="stack">
            <Field name="name" label="Name" required />
            <fieldset class="stack">
              <legend>Scopes</legend>
              {SCOPES.map((scope) => (
                <label class="check">
                  <input type="checkbox" name="scopes" value={scope} checked={scope === 'viewer'} /> {scope}
                </label>
              ))}
            </fieldset>
            <Field name="days" label="Valid for days" type="number" required min={1} max={365} value={90} />
            <button type="submit">Make an operator token</button>
          </form>
          <Table<OperatorToken>
            caption="Operator tokens"
            rows={operators.items}
            columns={[
              { name: 'Name', cell: (token) => token.name },
              { name: 'Scopes', cell: (token) => token.scopes.join(', ') },
              ...(lifetime(true, 'operator-tokens') as Column<OperatorToken>[]),
            ]}
          />
          <Pager
            path={PATH}
            query={query}
            next={operators.next_cursor}
            anchor="operators"
            parameter="operators"
          />
        </Section>
      )}
      {canEnrol || isAdmin ? null : (
        <Empty>Your scopes ({operator.scopes.join(', ')}) allow none of the settings.</Empty>
      )}
    </Page>
  );
}

export const addSettings: AddPages = (app) => {
  app.get(PATH, async (c) => c.html(await settings(c)));

  app.post(`${PATH}/enrolment-tokens`, async (c) => {
    const { name, days, max_uses, tags = '' } = await fields(c);
    return tellSecret(c, 'Enrolment token', async () => {
      const made = await c.var.api.post('/enrolment-tokens', createdEnrolmentTokenSchema, {
        name,
        expires_in_seconds: Number(days ?? 1) * DAY_SECONDS,
        max_uses: max_uses === undefined ? null : Number(max_uses),
        tags: parseTags(tags),
      });
      return made.token;
    });
  });

  app.post(`${PATH}/operator-tokens`, async (c) => {
    const { name, days } = await fields(c);
    const scopes = await values(c, 'scopes');
    return tellSecret(c, 'Operator token', async () => {
      const made = await c.var.api.post('/operator-tokens', createdOperatorTokenSchema, {
        name,
        scopes,
        expires_in_seconds: Number(days ?? 90) * DAY_SECONDS,
      });
      return made.token;
    });
  });

  app.get(`${PATH}/enrolment-tokens/:id/revoke`, async (c) => {
    const token = await tokenOf(c, 'enrolment-tokens', enrolmentTokenSchema);
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`Revoke the enrolment token ${token.name}?`}
        verb="Revoke the token"
        back={PATH}
      >
        {`One token stops working at once, which ${token.created_by} made and which was used ${token.use_count} times. `}
        Agents that enrolled with it keep their certificates.
      </Confirm>,
    );
  });
  app.get(`${PATH}/operator-tokens/:id/revoke`, async (c) => {
    const token = await tokenOf(c, 'operator-tokens', operatorTokenSchema);
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`Revoke the operator token ${token.name}?`}
        verb="Revoke the token"
        back={PATH}
      >
        {`One token stops working at once, which ${token.created_by} made (scopes: ${token.scopes.join(', ')}). `}
        Whoever is logged in with it is logged out.
      </Confirm>,
    );
  });
  app.post(`${PATH}/:kind{enrolment-tokens|operator-tokens}/:id/revoke`, async (c) => {
    await c.var.api.delete(`/${c.req.param('kind')}/${encodeURIComponent(c.req.param('id'))}`);
    return c.redirect(PATH, 303);
  });
};

/** The token that a page's address names, looked for in its list: the API shows none alone. */
async function tokenOf<T extends { readonly id: string }>(
  c: Context<ConsoleEnv>,
  kind: 'enrolment-tokens' | 'operator-tokens',
  schema: z.ZodType<T>,
): Promise<T> {
  const id = c.req.param('id');
  for (let cursor: string | undefined; ; ) {
    const page = await c.var.api.page(`/${kind}`, schema, { limit: MAX_PAGE_SIZE, cursor });
    const found = page.items.find((token) => token.id === id);
    if (found !== undefined) return found;
    if (page.next_cursor === null) throw noToken();
    cursor = page.next_cursor;
  }
}

const noToken = (): ApiProblem =>
  new ApiProblem({
    status: 404,
    code: 'not-found',
    title: 'There is no such token',
    detail: 'It may have been removed. Go back to Settings, where all tokens are listed.',
    correlation_id: '',
  });

/** A secret is shown in the answer itself and nowhere else: there is no address under which to see it again. */
async function tellSecret(
  c: Context<ConsoleEnv>,
  what: string,
  make: () => Promise<string>,
): Promise<Response> {
  try {
    const value = await make();
    return c.html(await settings(c, { secret: { what, value } }), 201);
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.problem.status === 401) throw error;
    c.status(error.problem.status as 422);
    return c.html(await settings(c, { problem: error.problem }));
  }
}
