import {
  type AgentCertificate,
  agentCertificateSchema,
  standingOf,
} from '../../contracts/agent/certificate.ts';
import type { Api } from '../api.ts';
import { Empty, Facts, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';

/** An agent renews every few weeks: more than these are looked up by the API. */
const SHOWN = 10;

/** What is to be done about the newest one, if anything. */
function Warning({ certificate, now }: { certificate: AgentCertificate; now: number }) {
  const { state, daysLeft } = standingOf(certificate, now);
  if (state === 'VALID') return null;
  return (
    <p class="notice warn" role="status">
      {state === 'EXPIRED'
        ? 'The certificate has expired: the agent must enrol anew, with a new enrolment token.'
        : `The certificate expires in ${daysLeft === 1 ? 'one day' : `${daysLeft} days`}, and was not renewed in time. See whether the agent is online and reports an error of renewal.`}
    </p>
  );
}

/** The certificate that the agent was given last, and those before it, which stay valid until they expire. */
export async function Certificates({ api, agentId }: { api: Api; agentId: string }) {
  const { items } = await api.page(`/agents/${agentId}/certificates`, agentCertificateSchema, {
    limit: SHOWN,
  });
  const [newest, ...earlier] = items;
  if (newest === undefined) return <Empty>None was issued to it.</Empty>;
  const now = Date.now();
  return (
    <>
      <Warning certificate={newest} now={now} />
      <div class="card">
        <Facts
          entries={[
            ['State', <Status of={standingOf(newest, now).state} />],
            ['Valid from', <Time at={newest.not_before ?? newest.issued_at} />],
            ['Valid until', <Time at={newest.not_after} />],
            [earlier.length === 0 ? 'Issued' : 'Renewed', <Time at={newest.issued_at} />],
            ['Subject', newest.subject],
            ['Serial', <code>{newest.serial}</code>],
            ['SHA-256 fingerprint', <code>{newest.fingerprint_sha256}</code>],
          ]}
        />
        {earlier.length === 0 ? null : (
          <details>
            <summary>{earlier.length === 1 ? 'One before it' : `${earlier.length} before it`}</summary>
            <Table
              caption="Earlier certificates"
              rows={earlier}
              columns={[
                { name: 'Serial', cell: (one) => <code>{one.serial}</code> },
                { name: 'State', cell: (one) => <Status of={standingOf(one, now).state} /> },
                { name: 'Issued', cell: (one) => <Time at={one.issued_at} /> },
                { name: 'Valid until', cell: (one) => <Time at={one.not_after} /> },
              ]}
            />
          </details>
        )}
      </div>
    </>
  );
}
