import { EXCEPTION_STATUSES, policyExceptionSchema } from '../../contracts/packaging-pipeline/exception.ts';
import { Act, Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, ProblemNote, Section, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { may } from '../may.ts';
import { ApiProblem } from '../problem.ts';
import { fields, pick } from '../query.ts';
import type { AddPages } from '../types.ts';
import { Confirm } from './confirm.tsx';

const PATH = '/console/exceptions';
const SECTION = '/console/packages';

function RequestForm({ form = {} }: { form?: Record<string, string> }) {
  return (
    <Section title="Request an exception">
      <form method="post" action={PATH} class="stack">
        <Field name="package_name" label="Package" value={form['package_name']} required />
        <Field name="package_version" label="Version (empty: all)" value={form['package_version']} />
        <Field name="cve_ids" label="Findings" hint="CVE-2021-44228, …" value={form['cve_ids']} required />
        <Field
          name="days"
          label="For days"
          type="number"
          required
          min={1}
          max={366}
          value={form['days'] ?? 30}
        />
        <Field name="reason" label="Why" value={form['reason']} required />
        <button type="submit">Request it</button>
      </form>
    </Section>
  );
}

export const addExceptions: AddPages = (app) => {
  app.get(PATH, async (c) => {
    const query = pick(c, ['status', 'package_name']);
    const page = await c.var.api.page('/policy-exceptions', policyExceptionSchema, query);
    const canApprove = may(c.var.operator, 'approver');
    return c.html(
      <Page title="Policy exceptions" section={SECTION} operator={c.var.operator}>
        <Filters path={PATH} query={query}>
          <Choice name="status" label="Status" options={EXCEPTION_STATUSES} value={query['status']} />
          <Field name="package_name" label="Package" value={query['package_name']} />
        </Filters>
        {page.items.length === 0 ? (
          <Empty>No exception fits. A finding is excused when another person approves a request.</Empty>
        ) : (
          <Table
            caption="Policy exceptions"
            rows={page.items}
            columns={[
              {
                name: 'Package',
                cell: (one) => `${one.package_name} ${one.package_version ?? '(all versions)'}`,
              },
              { name: 'Findings', cell: (one) => one.cve_ids.join(', ') },
              { name: 'Status', cell: (one) => <Status of={one.status} /> },
              { name: 'Why', cell: (one) => one.reason, wide: true },
              { name: 'Requested by', cell: (one) => one.requested_by, wide: true },
              { name: 'Approved by', cell: (one) => one.approver ?? '', wide: true },
              { name: 'Expires', cell: (one) => <Time at={one.expires_at} /> },
              ...(canApprove
                ? [
                    {
                      name: 'Decide',
                      cell: (one: { id: string; status: string }) => (
                        <>
                          {one.status === 'REQUESTED' ? (
                            <Act action={`${PATH}/${one.id}/approve`} label="Approve" />
                          ) : null}
                          {one.status === 'REQUESTED' || one.status === 'APPROVED' ? (
                            <Act action={`${PATH}/${one.id}/revoke`} label="Revoke" danger />
                          ) : null}
                        </>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        )}
        <Pager path={PATH} query={query} next={page.next_cursor} />
        {may(c.var.operator, 'operator') ? <RequestForm /> : null}
      </Page>,
    );
  });

  app.post(PATH, async (c) => {
    const form = await fields(c);
    const { package_name, package_version, cve_ids = '', days = '30', reason } = form;
    try {
      await c.var.api.post('/policy-exceptions', policyExceptionSchema, {
        package_name,
        package_version,
        cve_ids: cve_ids.split(/[\s,]+/).filter((id) => id !== ''),
        reason,
        expires_in_seconds: Number(days) * 86_400,
      });
      return c.redirect(PATH, 303);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.problem.status === 401) throw error;
      return c.html(
        <Page title="Policy exceptions" section={SECTION} operator={c.var.operator}>
          <ProblemNote problem={error.problem} />
          <RequestForm form={form} />
        </Page>,
        error.problem.status as 422,
      );
    }
  });

  app.post(`${PATH}/:id/approve`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    await c.var.api.post(`/policy-exceptions/${id}/approve`, policyExceptionSchema);
    return c.redirect(PATH, 303);
  });
  app.get(`${PATH}/:id/revoke`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const exception = await c.var.api.get(`/policy-exceptions/${id}`, policyExceptionSchema);
    const { package_name, package_version, cve_ids, requested_by, reason } = exception;
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={SECTION}
        title={`Revoke the exception of ${package_name} ${package_version ?? '(all versions)'}?`}
        verb="Revoke the exception"
        back={PATH}
      >
        {`One exception ends at once: of ${cve_ids.join(', ')}, requested by ${requested_by} (${reason}). `}
        Rollouts of packages that rest on it stop before their next ring.
      </Confirm>,
    );
  });
  app.post(`${PATH}/:id/revoke`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    await c.var.api.post(`/policy-exceptions/${id}/revoke`, policyExceptionSchema);
    return c.redirect(PATH, 303);
  });
};
