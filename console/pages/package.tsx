import { z } from 'zod';
import { evidencePackSchema } from '../../contracts/packaging-pipeline/evidence.ts';
import {
  type PipelineDetails,
  pipelineDetailsSchema,
  pipelineLogSchema,
  pipelineSchema,
} from '../../contracts/packaging-pipeline/pipeline.ts';
import type { PolicyDecision } from '../../contracts/packaging-pipeline/policy.ts';
import { isEnded } from '../../contracts/packaging-pipeline/steps.ts';
import type { Api } from '../api.ts';
import { Act } from '../components/form.tsx';
import { Id } from '../components/id.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Facts, Json, Section, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';
import { WorkflowLink } from '../components/workflow-link.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { may } from '../may.ts';
import type { AddPages } from '../types.ts';
import { Confirm } from './confirm.tsx';
import { SbomBrowser } from './sbom.tsx';

const PATH = '/console/packages';
/** Of the log, the end: what a person looks for is there. */
const SHOWN_LOG_CHARACTERS = 20_000;

const seconds = (ms: number | null): string => (ms === null ? '' : `${(ms / 1_000).toFixed(1)} s`);

async function logOf(api: Api, id: string): Promise<{ text: string; whole: boolean }> {
  let text = '';
  let offset = 0;
  for (;;) {
    const piece = await api.get(`/packaging-pipelines/${id}/log`, pipelineLogSchema, { offset });
    text += piece.text;
    if (piece.complete || piece.next_offset === offset) break;
    offset = piece.next_offset;
  }
  return { text: text.slice(-SHOWN_LOG_CHARACTERS), whole: text.length <= SHOWN_LOG_CHARACTERS };
}

function Steps({ pipeline }: { pipeline: PipelineDetails }) {
  return (
    <Table
      caption="Steps"
      rows={pipeline.steps}
      columns={[
        { name: 'Step', cell: (step) => step.step },
        { name: 'Status', cell: (step) => <Status of={step.status} /> },
        { name: 'Took', cell: (step) => seconds(step.duration_ms) },
        { name: 'Attempts', cell: (step) => step.attempts, wide: true },
        { name: 'Error', cell: (step) => step.error ?? '' },
      ]}
    />
  );
}

/** What changes while the pipeline runs: state, steps and log. */
async function progress(api: Api, id: string) {
  const [pipeline, log] = await Promise.all([
    api.get(`/packaging-pipelines/${id}`, pipelineDetailsSchema),
    logOf(api, id),
  ]);
  return (
    <div class={isEnded(pipeline.status) ? 'is-final' : undefined}>
      <Facts
        entries={[
          ['Status', <Status of={pipeline.status} />],
          ['Why it failed', pipeline.failure_message],
          ['Signed with', pipeline.signing_certificate_thumbprint],
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

export const addPackage: AddPages = (app, { options }) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}`, async (c) => {
    const id = c.req.param('id');
    const { api, operator } = c.var;
    const pipeline = await api.get(`/packaging-pipelines/${id}`, pipelineDetailsSchema);
    const evidence = await api.page('/evidence-packs', evidencePackSchema, { pipeline_id: id });
    const counts = pipeline.scan_summary;
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
            <span class="when-final">
              <Act action={`${PATH}/${id}/retry`} label="Package it again" />
            </span>
            <span class="when-open">
              <Act action={`${PATH}/${id}/cancel`} label="Cancel" danger />
            </span>
          </div>
        ) : null}
        <Section title="Findings">
          {counts === null ? (
            <Empty>It has not been scanned.</Empty>
          ) : (
            <Facts entries={Object.entries(counts).map(([severity, count]) => [severity, count] as const)} />
          )}
        </Section>
        <Section title="Policy decision">
          {pipeline.policy_decision === null ? (
            <Empty>There is none yet.</Empty>
          ) : (
            <Decision decision={pipeline.policy_decision} />
          )}
        </Section>
        <Section title="Evidence">
          {evidence.items.length === 0 ? (
            <Empty>A pack is made when the pipeline has passed.</Empty>
          ) : (
            <Table
              caption="Evidence packs"
              rows={evidence.items}
              columns={[
                { name: 'Signed document', cell: (pack) => <code>{pack.sha256}</code> },
                { name: 'Signer', cell: (pack) => <Id of={pack.signer_thumbprint} />, wide: true },
                { name: 'Made', cell: (pack) => <Time at={pack.created_at} /> },
              ]}
            />
          )}
          <p>
            <code>eucora evidence show ID --output FILE</code> fetches one,{' '}
            <code>eucora evidence verify FILE</code> checks it without the platform.
          </p>
        </Section>
        <Section title="What it holds">
          {pipeline.sbom_hash === null ? (
            <Empty>There is no SBOM yet.</Empty>
          ) : (
            <SbomBrowser
              document={await api.get(`/packaging-pipelines/${id}/sbom`, z.record(z.string(), z.unknown()))}
              filter={c.req.query('component') ?? ''}
            />
          )}
        </Section>
        <Section title="Origin">
          <Facts
            entries={[
              ['Source', pipeline.source_artifact_url],
              ['Source SHA-256', pipeline.source_artifact_hash],
              ['Created', <Time at={pipeline.created_at} />],
              ['Created by', pipeline.created_by],
              ['Workflow', <WorkflowLink id={pipeline.workflow_id} ui={options.temporalUiUrl} />],
            ]}
          />
          <details>
            <summary>Description and policy</summary>
            <Json value={{ description: pipeline.description, policy: pipeline.policy }} />
          </details>
        </Section>
      </Page>,
    );
  });

  app.get(`${PATH}/:id/cancel`, (c) =>
    c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title="Cancel this pipeline?"
        verb="Cancel the pipeline"
        back={`${PATH}/${c.req.param('id')}`}
      >
        One pipeline is stopped: its tool is ended and its workspace removed. No package comes of it.
      </Confirm>,
    ),
  );
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
