import { type EvidencePack, evidencePackSchema } from '../../contracts/packaging-pipeline/evidence.ts';
import {
  type EvidenceVerification,
  evidenceVerificationSchema,
} from '../../contracts/packaging-pipeline/verification.ts';
import type { Api } from '../api.ts';
import { Id } from '../components/id.tsx';
import { Empty, Section, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';

const SHOWN = 20;

const WORDS: Readonly<Record<string, string>> = {
  stored: 'The platform’s copy',
  form: 'Form of the document',
  signer: 'Who signed',
  signature: 'Signature',
  statement: 'What was signed',
  certificate: 'Certificate',
  validity: 'Time of signing',
  source: 'Source',
  artifact: 'Package',
  sbom: 'SBOM',
  scan: 'Scan report',
};

function Checks({ verification }: { verification: EvidenceVerification }) {
  const { verified, checks } = verification;
  return (
    <>
      {verified ? (
        <p class="notice" role="status">
          <strong>Verified.</strong> The document is genuine, and the package is the one that it speaks of.
        </p>
      ) : (
        <div class="problem" role="alert">
          <strong>The evidence does not hold.</strong> Do not use the package; find out who changed what, and
          package it again.
        </div>
      )}
      <Table
        caption="Checks of the evidence"
        rows={checks}
        columns={[
          { name: 'Check', cell: ({ check }) => WORDS[check] },
          { name: 'Outcome', cell: ({ outcome }) => <Status of={outcome} /> },
          { name: 'Why', cell: ({ reason }) => reason },
        ]}
      />
    </>
  );
}

interface EvidenceProps {
  readonly api: Api;
  readonly pipelineId: string;
  readonly path: string;
  /** Id of the pack to look at; the pipeline's own when nobody chose. */
  readonly chosen: string | undefined;
}

/** The packs of a pipeline, its own and those of its deployments; one of them is verified as it is shown. */
export async function Evidence({ api, pipelineId, path, chosen }: EvidenceProps) {
  const { items } = await api.page('/evidence-packs', evidencePackSchema, {
    pipeline_id: pipelineId,
    limit: SHOWN,
  });
  const shown =
    items.find(({ id }) => id === chosen) ??
    items.find(({ deployment_intent_id }) => deployment_intent_id === null) ??
    items[0];
  if (shown === undefined)
    return (
      <Section title="Evidence" id="evidence">
        <Empty>A pack is made when the pipeline has passed.</Empty>
      </Section>
    );
  const verification = await api.get(`/evidence-packs/${shown.id}/verification`, evidenceVerificationSchema);
  return (
    <Section title="Evidence" id="evidence">
      <Checks verification={verification} />
      <p class="actions">
        <a class="button" href={`${path}/evidence/${shown.id}`} download={`evidence-${shown.id}.json`}>
          Download the signed document
        </a>
        <small>
          Who does not trust this platform verifies it elsewhere:{' '}
          <code>eucora evidence verify FILE --ca CA</code>
        </small>
      </p>
      {items.length === 1 ? null : (
        <Table
          caption="Evidence packs"
          rows={items}
          columns={[
            { name: 'Made for', cell: (pack) => <MadeFor pack={pack} /> },
            { name: 'SHA-256', cell: (pack) => <Id of={pack.sha256} /> },
            { name: 'Signer', cell: (pack) => <Id of={pack.signer_thumbprint} />, wide: true },
            { name: 'Made', cell: (pack) => <Time at={pack.created_at} /> },
            {
              name: 'Verify',
              cell: (pack) =>
                pack === shown ? 'shown above' : <a href={`${path}?evidence=${pack.id}#evidence`}>Verify</a>,
            },
          ]}
        />
      )}
    </Section>
  );
}

const MadeFor = ({ pack }: { pack: EvidencePack }) =>
  pack.deployment_intent_id === null ? (
    <>the package</>
  ) : (
    <a href={`/console/deployments/${pack.deployment_intent_id}`}>a deployment</a>
  );
