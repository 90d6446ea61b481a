import type { Decision, Deployment } from '../../contracts/deployment/deployment.ts';
import { pipelineSchema } from '../../contracts/packaging-pipeline/pipeline.ts';
import { evidenceVerificationSchema } from '../../contracts/packaging-pipeline/verification.ts';
import type { Api } from '../api.ts';
import { Field } from '../components/form.tsx';
import { Id } from '../components/id.tsx';
import { Facts, Section, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';
import { leavesOf } from '../components/values.tsx';

const PATH = '/console/deployments';

export function Risk({ deployment }: { deployment: Deployment }) {
  const { score, factors } = deployment.risk;
  return (
    <Section title="Risk">
      <p>
        {score} of 100; {deployment.approval_required ? 'a decision is needed' : 'passes by itself'}{' '}
        (threshold {deployment.risk_threshold}).
      </p>
      <Table
        caption="Risk factors"
        rows={factors}
        columns={[
          { name: 'Factor', cell: (factor) => factor.factor.replaceAll('_', ' ') },
          { name: 'Points', cell: (factor) => `${factor.points} of ${factor.max_points}` },
          { name: 'Why', cell: (factor) => factor.reason },
        ]}
      />
    </Section>
  );
}

export function Decided({ decision }: { decision: Decision }) {
  return (
    <Facts
      entries={[
        ['Decision', <Status of={decision.decision.toUpperCase()} />],
        ['By', decision.approver],
        ['At', <Time at={decision.decided_at} />],
        ['Comment', decision.comment],
        [
          'Conditions',
          decision.conditions === null
            ? 'none'
            : leavesOf(decision.conditions)
                .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${value}`)
                .join(', '),
        ],
      ]}
    />
  );
}

/** What an approver wants to know of the package, checked as it is shown. */
export async function PackageAndEvidence({ deployment, api }: { deployment: Deployment; api: Api }) {
  const { evidence_id: evidenceId, pipeline_id: pipelineId, previous_pipeline_id: previous } = deployment;
  const [pipeline, verification] = await Promise.all([
    api.get(`/packaging-pipelines/${pipelineId}`, pipelineSchema),
    evidenceId === null
      ? undefined
      : api.get(`/evidence-packs/${evidenceId}/verification`, evidenceVerificationSchema),
  ]);
  const path = `/console/packages/${pipelineId}`;
  const failed = verification?.checks.find(({ outcome }) => outcome === 'FAILED');
  return (
    <Section title="Package and evidence">
      <Facts
        entries={[
          ['Package', <a href={path}>{`${deployment.package_name} ${deployment.package_version}`}</a>],
          [
            'Evidence',
            verification === undefined ? null : (
              <a href={`${path}?evidence=${evidenceId}#evidence`}>
                <Status of={verification.verified ? 'VERIFIED' : 'NOT_VERIFIED'} />
              </a>
            ),
          ],
          ...(failed === undefined ? [] : [['Why not', failed.reason] as const]),
          [
            'Policy',
            pipeline.policy_decision === null ? null : <Status of={pipeline.policy_decision.verdict} />,
          ],
          [
            'Findings',
            pipeline.scan_summary === null ? null : (
              <a href={`${path}#findings`}>
                {leavesOf(pipeline.scan_summary)
                  .filter(([, count]) => count !== '0')
                  .map(([severity, count]) => `${count} ${severity}`)
                  .join(', ') || 'none'}
              </a>
            ),
          ],
          ['Exceptions', pipeline.exception_ids.length],
          ['Signed with', <Id of={pipeline.signing_certificate_thumbprint ?? ''} />],
          [
            'Rolls back to',
            previous === null ? (
              'a device without the package'
            ) : (
              <a href={`/console/packages/${previous}`}>the version before</a>
            ),
          ],
          ['Created by', deployment.created_by],
          ['Created', <Time at={deployment.created_at} />],
        ]}
      />
    </Section>
  );
}

/** Shown beside risk and evidence; whoever created the deployment is refused by the API. */
export function DecisionForm({ id }: { id: string }) {
  return (
    <form method="post" action={`${PATH}/${id}/decide`} class="stack">
      <Field name="comment" label="Comment" />
      <Field name="pause_after_ring" label="Condition: pause after ring" />
      <Field name="max_per_minute" label="Condition: devices a minute" type="number" min={1} />
      <button type="submit">Approve</button>
      <a class="button danger" href={`${PATH}/${id}/reject`}>
        Reject…
      </a>
    </form>
  );
}
