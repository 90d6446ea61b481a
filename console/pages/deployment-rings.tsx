import {
  type DeploymentRing,
  deploymentRingsSchema,
  deploymentSchema,
} from '../../contracts/deployment/deployment.ts';
import type { Api } from '../api.ts';
import { Facts, Section, Status, Time } from '../components/parts.tsx';
import { Values } from '../components/values.tsx';

function Ring({ ring }: { ring: DeploymentRing }) {
  const counts = Object.entries(ring.devices);
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  const done = ring.devices.INSTALLED ?? 0;
  return (
    <div class="card">
      <strong>{ring.name}</strong> <Status of={ring.state} />
      <meter
        min={0}
        max={Math.max(1, all)}
        value={done}
        aria-label={`${ring.name}: ${done} of ${all} installed`}
      />
      <div>{ring.reason}</div>
      <small>
        {counts.map(([state, count]) => `${count} ${state.toLowerCase().replaceAll('_', ' ')}`).join(', ') ||
          'no devices yet'}
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

/** State and rings, as they fill. */
export async function rollout(api: Api, id: string) {
  const [deployment, rings] = await Promise.all([
    api.get(`/deployments/${id}`, deploymentSchema),
    api.get(`/deployments/${id}/rings`, deploymentRingsSchema),
  ]);
  return (
    <div data-state={deployment.status}>
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
          {rings.items.map((ring) => (
            <Ring ring={ring} />
          ))}
        </div>
      </Section>
    </div>
  );
}
