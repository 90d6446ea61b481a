import { alertSchema } from '../../contracts/agent-presence/alert.ts';
import { deploymentSchema } from '../../contracts/deployment/deployment.ts';
import type { Page } from '../../contracts/http/common.ts';
import { incidentSchema } from '../../contracts/incident/incident.ts';
import type { Api } from '../api.ts';

/** More than these are "10 and more": counting all would take reading all. */
const COUNTED = 10;
/** Of the agents, in percent: fewer online than this is a trouble by itself. */
const ENOUGH_ONLINE_PERCENT = 90;

export interface Counts {
  readonly total: number;
  readonly online: number;
  readonly degraded: number;
}

interface Concern {
  readonly words: string;
  readonly path: string;
}

/** What waits for a person, the most urgent first. */
export async function concernsOf(api: Api): Promise<Concern[]> {
  const limit = COUNTED;
  const [alerts, incidents, approvals, paused] = await Promise.all([
    api.page('/alerts', alertSchema, { open: true, limit }),
    api.page('/incidents', incidentSchema, { status: 'AWAITING_DECISION', limit }),
    api.page('/deployments', deploymentSchema, { status: 'AWAITING_APPROVAL', limit }),
    api.page('/deployments', deploymentSchema, { status: 'PAUSED', limit }),
  ]);
  return [
    ...concern(
      alerts,
      'critical agent is offline',
      'critical agents are offline',
      '/console/alerts?open=true',
    ),
    ...concern(
      incidents,
      'incident waits for a decision',
      'incidents wait for a decision',
      '/console/incidents?status=AWAITING_DECISION',
    ),
    ...concern(
      approvals,
      'deployment waits for approval',
      'deployments wait for approval',
      '/console/deployments?status=AWAITING_APPROVAL',
    ),
    ...concern(
      paused,
      'deployment is paused',
      'deployments are paused',
      '/console/deployments?status=PAUSED',
    ),
  ];
}

function concern({ items, next_cursor }: Page<unknown>, one: string, many: string, path: string): Concern[] {
  if (items.length === 0) return [];
  if (next_cursor !== null) return [{ words: `${items.length} and more ${many}`, path }];
  return [{ words: items.length === 1 ? `One ${one}` : `${items.length} ${many}`, path }];
}

/** At one look: is the fleet well, and what waits for me? */
export function Health({ counts, concerns }: { counts: Counts; concerns: readonly Concern[] }) {
  const { total, online, degraded } = counts;
  const percent = (online / total) * 100;
  const short = percent < ENOUGH_ONLINE_PERCENT;
  const well = !short && concerns.length === 0;
  return (
    <div class={`health ${well ? 'good' : short ? 'bad' : 'warn'}`} role="status">
      <strong class="big">{`${shown(percent)} % online`}</strong>
      <div>
        <p>
          {well
            ? 'The fleet is well, and nothing waits for you.'
            : short
              ? `${(total - online).toLocaleString('en')} of ${total.toLocaleString('en')} agents are not online.`
              : 'The fleet is online; this waits for you:'}
          {degraded === 0 ? null : (
            <a href="/console/agents?status=DEGRADED">{` ${degraded.toLocaleString('en')} report trouble.`}</a>
          )}
        </p>
        {concerns.length === 0 ? null : (
          <ul>
            {concerns.map(({ words, path }) => (
              <li>
                <a href={path}>{words}</a>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

/** Never rounded up to 100: one agent of 100,000 that is missing is seen. */
const shown = (percent: number): string => String(Math.floor(percent * 10) / 10);
