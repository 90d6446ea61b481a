import { sizeOf } from '../../contracts/deployment/gates.ts';
import type { DeploymentPass } from '../../contracts/deployment/pass.ts';

/** What an operator reads in the Temporal Web UI: where the rollout stands, and why. */
export function describeDeployment(pass: DeploymentPass): string {
  const lines = [`**${pass.status}** ${pass.title}. ${pass.reason}`];
  const { ring, counts } = pass;
  if (ring !== null) {
    lines.push(`Ring ${ring.position} of ${ring.of}, ${ring.name}: ${pass.ring_state ?? ''}.`);
    if (counts !== null) {
      const { installed, sick, failed, dispatched, waiting, skipped, unreachable } = counts;
      lines.push(
        `Of ${sizeOf(counts)} devices ${installed} installed, ${failed} failed, ${sick} sick, ${skipped} left out, ${dispatched} at work, ${waiting} waiting (${unreachable} out of reach).`,
      );
    }
  }
  const all = Object.entries(pass.devices).map(([state, devices]) => `${devices} ${state}`);
  if (all.length > 0) lines.push(`All rings: ${all.join(', ')}.`);
  return lines.join('\n\n');
}
