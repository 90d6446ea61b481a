import {
  type Deployment,
  type DeploymentRing,
  deploymentRingsSchema,
  deploymentSchema,
} from '../../contracts/deployment/deployment.ts';
import { type DeviceState, isResting } from '../../contracts/deployment/states.ts';
import type { Api } from '../api.ts';
import { Facts, Section, Status, Time } from '../components/parts.tsx';
import { Values } from '../components/values.tsx';

/** In the order in which they stand in a bar. */
const TONES: Readonly<Record<DeviceState, string>> = {
  INSTALLED: 'good',
  SKIPPED: 'none',
  DISPATCHED: 'busy',
  ROLLING_BACK: 'warn',
  ROLLED_BACK: 'warn',
  SICK: 'bad',
  FAILED: 'bad',
  ROLLBACK_FAILED: 'bad',
  WAITING: 'waiting',
};
const STATES = Object.keys(TONES) as DeviceState[];

const inWords = (state: string): string => state.toLowerCase().replaceAll('_', ' ');

/** How many of a ring's devices stand where, as one bar. */
function Filling({ ring, all, words }: { ring: DeploymentRing; all: number; words: string }) {
  let from = 0;
  return (
    <svg
      class="filling"
      viewBox="0 0 100 4"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${ring.name}: ${words}`}
    >
      <rect class="area waiting" width={100} height={4} />
      {STATES.map((state) => {
        const width = ((ring.devices[state] ?? 0) / Math.max(1, all)) * 100;
        const x = from;
        from += width;
        return width === 0 ? null : (
          <rect class={`area ${TONES[state]}`} x={x.toFixed(2)} width={width.toFixed(2)} height={4} />
        );
      })}
    </svg>
  );
}

function Ring({ ring }: { ring: DeploymentRing }) {
  const all = Object.values(ring.devices).reduce((sum, count) => sum + count, 0);
  const words =
    STATES.filter((state) => (ring.devices[state] ?? 0) > 0)
      .map((state) => `${(ring.devices[state] ?? 0).toLocaleString('en')} ${inWords(state)}`)
      .join(', ') || (ring.state === 'WAITING' ? 'no devices yet' : 'no devices');
  return (
    <div class="card">
      <strong>{ring.name}</strong> <Status of={ring.state} />
      <Filling ring={ring} all={all} words={words} />
      <div>{ring.reason}</div>
      <small>
        {words}
        {Object.entries(ring.failures).map(([kind, count]) => `; ${count} × ${kind}`)}
      </small>
      <details>
        <summary>Gates</summary>
        <Values
          caption={`Gates of ${ring.name}`}
          value={{ size: ring.size, soak_seconds: ring.soak_seconds, ...ring.gates }}
        />
      </details>
    </div>
  );
}

const MOVING = '<div class="is-moving"';

/** Whether what was rendered may change without being audited. */
export const isMoving = (html: string): boolean => html.startsWith(MOVING);

/** Devices that have a task move without an event of the deployment, also after its end. */
function moves({ status, devices }: Deployment): boolean {
  const busy = (devices.DISPATCHED ?? 0) + (devices.ROLLING_BACK ?? 0) > 0;
  return busy || !(isResting(status) || status === 'AWAITING_APPROVAL');
}

export async function deploymentAndRings(api: Api, id: string) {
  const [deployment, rings] = await Promise.all([
    api.get(`/deployments/${id}`, deploymentSchema),
    api.get(`/deployments/${id}/rings`, deploymentRingsSchema),
  ]);
  return [deployment, rings.items] as const;
}

/** State and rings, as they fill: what changes of the page. */
export async function rollout(api: Api, id: string) {
  const [deployment, rings] = await deploymentAndRings(api, id);
  return <Rollout deployment={deployment} rings={rings} />;
}

export function Rollout({ deployment, rings }: { deployment: Deployment; rings: readonly DeploymentRing[] }) {
  return (
    <div class={moves(deployment) ? 'is-moving' : undefined} data-state={deployment.status}>
      <Facts
        entries={[
          ['Status', <Status of={deployment.status} />],
          ['Why', deployment.reason],
          ['Present ring', deployment.current_ring],
          ['Started', <Time at={deployment.started_at} />],
          ['Ended', <Time at={deployment.ended_at} />],
        ]}
      />
      <Section title="Rings">
        <div class="grid-of">
          {rings.map((ring) => (
            <Ring ring={ring} />
          ))}
        </div>
      </Section>
    </div>
  );
}
