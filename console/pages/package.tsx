import type { Context } from 'hono';
import {
  type PipelineDetails,
  pipelineDetailsSchema,
  pipelineLogSchema,
  pipelineSchema,
  troubleInWords,
} from '../../contracts/packaging-pipeline/pipeline.ts';
import type { PolicyDecision } from '../../contracts/packaging-pipeline/policy.ts';
import { isEnded } from '../../contracts/packaging-pipeline/steps.ts';
import type { Api } from '../api.ts';
import { Act } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Facts, Section, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';
import { Values } from '../components/values.tsx';
import { WorkflowLink } from '../components/workflow-link.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { may } from '../may.ts';
import { pick } from '../query.ts';
import type { AddPages, ConsoleEnv } from '../types.ts';
import { Confirm } from './confirm.tsx';
import { Evidence } from './package-evidence.tsx';
import { Findings } from './package-findings.tsx';

const PATH = '/console/packages';
/** Of the log, the end: what a person looks for is there. */
const SHOWN_LOG_BYTES = 20_000;
const MAX_PIECES = 500;

const seconds = (ms: number | null): string => (ms === null ? '' : `${(ms / 1_000).toFixed(1)} s`);

async function logOf(api: Api, id: string): Promise<{ text: string; whole: boolean }> {
  const { text, next_offset } = await api.get(`/packaging-pipelines/${id}/log`, pipelineLogSchema, {
    tail: SHOWN_LOG_BYTES,
    limit: MAX_PIECES,
  });
  return { text, whole: next_offset <= Buffer.byteLength(text) };
}

function Steps({ pipeline }: { pipeline: PipelineDetails }) {
  const longest = Math.max(1, ...pipeline.steps.map(({ duration_ms }) => duration_ms ?? 0));
  return (
    <Table
      caption="Steps"
      rows={pipeline.steps}
      columns={[
        { name: 'Step', cell: (step) => step.step },
        { name: 'Status', cell: (step) => <Status of={step.status} /> },
        {
          name: 'Took',
          cell: (step) => (
            <span class="took">
              <meter min={0} max={longest} value={step.duration_ms ?? 0} aria-hidden="true" />{' '}
              {seconds(step.duration_ms)}
            </span>
          ),
        },
        { name: 'Attempts', cell: (step) => step.attempts, wide: true },
        { name: 'Error', cell: (step) => step.error ?? '' },
      ]}
    />
  );
}

/** How the changing part of a page begins whose pipeline has ended. */
const ENDED = '<div class="is-final';

/** What changes while the pipeline runs: state, steps and log. */
async function progress(api: Api, id: string) {
  const [pipeline, log] = await Promise.all([
    api.get(`/packaging-pipelines/${id}`, pipelineDetailsSchema),
    logOf(api, id),
  ]);
  return (
    <div
      class={isEnded(pipeline.status) ? `is-final is-${pipeline.status.toLowerCase()}` : undefined}
      data-state={isEnded(pipeline.status) ? pipeline.status : 'RUNNING'}
    >
      <Facts
        entries={[
          ['Status', <Status of={pipeline.status} />],
          ['Why it failed', pipeline.failure_message],
          ['Not done yet', pipeline.last_error && troubleInWords(pipeline.last_error)],
          ['Signed with', pipeline.signing_certificate_thumbprint],
          ['Warnings', pipeline.signing_warnings.join('; ')],
          ['Package', pipeline.output_artifact_name],
          ['SHA-256', pipeline.output_artifact_hash],
          ['Ended', <Time at={pipeline.ended_at} />],
        ]}
      />
      <Section title="Steps">
        {pipeline.steps.length === 0 ? <Empty>None has begun.</Empty> : <Steps pipeline={pipeline} />}
      </Section>
      <Section title="Build log">
        {log.text === '' ? (
          <Empty>The tools have said nothing.</Empty>
        ) : (
          <>
            {log.whole ? null : <p>The end of it; the API gives all.</p>}
            <pre class="json" tabindex={0}>
              {log.text}
            </pre>
          </>
        )}
      </Section>
    </div>
  );
}

export const packageTopic: LiveTopic = {
  concerns: ({ object_id }, id) => object_id === id,
  // The log grows between the steps, which alone are audited.
  restless: (html) => !html.startsWith(ENDED),
  render: async (api, id) => String(await progress(api, encodeURIComponent(id))),
};

function Decision({ decision }: { decision: PolicyDecision }) {
  return (
    <>
      <p>
        Policy {decision.policy}: <Status of={decision.verdict} />
      </p>
      <Table
        caption="Rules of the policy"
        rows={decision.rules}
        columns={[
          { name: 'Rule', cell: (rule) => rule.rule },
          { name: 'Outcome', cell: (rule) => <Status of={rule.outcome} /> },
          { name: 'Why', cell: (rule) => rule.reason },
          { name: 'Findings', cell: (rule) => rule.findings.join(', '), wide: true },
        ]}
      />
    </>
  );
}

async function download(c: Context<ConsoleEnv>, path: string, name: string): Promise<Response> {
  const { body } = await c.var.api.raw(path);
  return new Response(body, {
    headers: {
      'Content-Type': 'application/json',
      'Content-Disposition': `attachment; filename="${name}"`,
    },
  });
}

export const addPackage: AddPages = (app, { options }) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}`, async (c) => {
    const id = c.req.param('id');
    const { api, operator } = c.var;
    const pipeline = await api.get(`/packaging-pipelines/${id}`, pipelineDetailsSchema);
    const path = `${PATH}/${id}`;
    return c.html(
      <Page
        title={`${pipeline.package_name} ${pipeline.package_version} for ${pipeline.platform}`}
        section={PATH}
        operator={operator}
        live={[`package:${id}`]}
      >
        <div class="card" data-topic={`package:${id}`}>
          {await progress(api, id)}
        </div>
        {may(operator, 'operator') ? (
          <div class="actions">
            <a class="button primary when-passed" href={`${path}/deploy`}>
              Deploy…
            </a>
            <span class="when-final">
              <Act action={`${path}/retry`} label="Package it again" />
            </span>
            <span class="when-open">
              <Act action={`${PATH}/${id}/cancel`} label="Cancel" danger />
            </span>
          </div>
        ) : null}
        <Section title="Policy decision">
          {pipeline.policy_decision === null ? (
            <Empty>There is none yet.</Empty>
          ) : (
            <Decision decision={pipeline.policy_decision} />
          )}
        </Section>
        <Findings
          api={api}
          pipelineId={id}
          path={path}
          counts={pipeline.scan_summary}
          query={pick(c, ['severity'])}
        />
        <Evidence api={api} pipelineId={id} path={path} chosen={c.req.query('evidence')} />
        <Section title="What it holds">
          {pipeline.sbom_hash === null ? (
            <Empty>There is no SBOM yet.</Empty>
          ) : (
            <p class="actions">
              <a class="button" href={`${path}/sbom`}>
                Browse its components
              </a>
              <a class="button" href={`${path}/documents/sbom`} download={`sbom-${id}.json`}>
                Download the SBOM
              </a>
              <a class="button" href={`${path}/documents/scan`} download={`scan-${id}.json`}>
                Download the scan report
              </a>
            </p>
          )}
        </Section>
        <Section title="Origin">
          <Facts
            entries={[
              ['Source', pipeline.source_artifact_url],
              ['Source SHA-256', pipeline.source_artifact_hash],
              ['Created', <Time at={pipeline.created_at} />],
              ['Created by', pipeline.created_by],
              ['Workflow', <WorkflowLink id={pipeline.workflow_id} ui={options.workflowsUrl} />],
            ]}
          />
          <details>
            <summary>Description and policy</summary>
            <Values
              caption="Description and policy"
              value={{ description: pipeline.description, policy: pipeline.policy }}
            />
          </details>
        </Section>
      </Page>,
    );
  });

  // Byte for byte as they lie in the store, so that their hashes can be checked.
  app.get(`${PATH}/:id{[0-9a-f-]{36}}/evidence/:pack{[0-9a-f-]{36}}`, async (c) =>
    download(c, `/evidence-packs/${c.req.param('pack')}/document`, `evidence-${c.req.param('pack')}.json`),
  );
  app.get(`${PATH}/:id{[0-9a-f-]{36}}/documents/:what{sbom|scan}`, async (c) => {
    const { id, what } = c.req.param();
    return download(c, `/packaging-pipelines/${id}/${what}`, `${what}-${id}.json`);
  });

  app.get(`${PATH}/:id/cancel`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const pipeline = await c.var.api.get(`/packaging-pipelines/${id}`, pipelineSchema);
    const { package_name, package_version, platform, format, created_by } = pipeline;
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`Cancel the pipeline of ${package_name} ${package_version}?`}
        verb="Cancel the pipeline"
        back={`${PATH}/${id}`}
      >
        One pipeline is stopped, which {created_by} had begun for {platform} ({format}): its tool is ended and
        its workspace removed. No package comes of it.
      </Confirm>,
    );
  });
  app.post(`${PATH}/:id/cancel`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    await c.var.api.post(`/packaging-pipelines/${id}/cancel`, pipelineSchema);
    return c.redirect(`${PATH}/${id}`, 303);
  });
  app.post(`${PATH}/:id/retry`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const again = await c.var.api.post(`/packaging-pipelines/${id}/retry`, pipelineSchema);
    return c.redirect(`${PATH}/${again.id}`, 303);
  });
};
