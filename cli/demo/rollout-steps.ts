import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { createdOperatorTokenSchema } from '../../contracts/access/access.ts';
import { taskSchema } from '../../contracts/agent-task/task.ts';
import {
  type Deployment,
  type DeploymentRing,
  deploymentDeviceSchema,
  deploymentRingsSchema,
  deploymentSchema,
} from '../../contracts/deployment/deployment.ts';
import { isResting } from '../../contracts/deployment/states.ts';
import { evidencePackSchema } from '../../contracts/packaging-pipeline/evidence.ts';
import type { PipelineDetails } from '../../contracts/packaging-pipeline/pipeline.ts';
import type { Io } from '../client/io.ts';
import { eucora } from './operator.ts';
import { PROGRAM_FILE } from './program.ts';
import { resultOf, type Scene } from './scene.ts';
import { DemoError, until } from './teller.ts';

const run = promisify(execFile);
const ROLLOUT_MS = 240_000;

/** A real machine is in this ring: as busy as it is with the demo, its load tells nothing of the package. */
const besideLoad = {
  health: { degraded_is_sick: false, max_cpu_increase: 100, max_memory_increase: 100 },
};
const planOf = (canarySoak: number) => ({
  rings: [
    { name: 'canary', size: { tag: 'ring=canary' }, soak_seconds: canarySoak },
    { name: 'early', size: { tag: 'ring=early' }, soak_seconds: 2, gates: besideLoad },
    { name: 'broad', size: { rest: true }, soak_seconds: 2 },
  ],
  timeout_seconds: 120,
});

/** An operator who may approve and nothing else. @returns the file with the token */
export async function secondOperator(scene: Scene): Promise<string> {
  const name = `demo approver ${scene.folder.slice(scene.folder.lastIndexOf('-') + 1)}`;
  const { token } = await scene.api.post('/operator-tokens', createdOperatorTokenSchema, {
    name,
    scopes: ['approver'],
    expires_in_seconds: 3_600,
  });
  const file = join(scene.folder, 'approver.token');
  await writeFile(file, token, { mode: 0o600 });
  scene.teller.fact(`A second operator: ${name}, with the scope approver`);
  return file;
}

/** Says which machines are to get it, and by which rings. */
export async function intend(
  scene: Scene,
  pipeline: PipelineDetails,
  tag: string,
  canarySoak: number,
): Promise<Deployment> {
  const request = { pipeline_id: pipeline.id, selection: { tag }, plan: planOf(canarySoak) };
  const made = await scene.api.post('/deployments', deploymentSchema, request, { repeatable: true });
  scene.teller.fact(`Deployment ${made.id} of ${made.package_name} ${made.package_version}: ${made.status}`);
  const factors = made.risk.factors.map(({ factor, points }) => `${factor} ${points}`);
  scene.teller.fact(`Risk ${made.risk.score} of 100: ${factors.join(', ')}; ${made.reason}`);
  return made;
}

/** Who made it may not approve it; somebody else may. */
export async function approve(
  scene: Scene,
  io: Io,
  { id }: Deployment,
  approver: string | undefined,
): Promise<void> {
  if (approver === undefined) throw new DemoError('there is no second operator');
  const own = await eucora(scene, io, ['deployments', 'approve', id], { expected: 1 });
  scene.teller.fact(`Its creator is refused: ${own.trim().split('\n').slice(0, 2).join(' ')}`);
  await eucora(scene, io, ['deployments', 'approve', id, '--comment', 'Evidence looked at'], {
    tokenFile: approver,
  });
  scene.teller.fact(`Approved by the second operator: eucora deployments approve ${id}`);
}

/** Tells what the rings do until the deployment rests. */
export async function follow(scene: Scene, id: string): Promise<Deployment> {
  const shown = new Map<string, string>();
  return until('the deployment rests', ROLLOUT_MS, scene.signal, async () => {
    // Read before the rings, so that their last words are told, too.
    const deployment = await scene.api.get(`/deployments/${id}`, deploymentSchema);
    for (const ring of await ringsOf(scene, id)) {
      const words = inWords(ring);
      if (ring.state !== 'WAITING' && shown.get(ring.name) !== words) scene.teller.fact(words);
      shown.set(ring.name, words);
    }
    if (shown.get('') !== deployment.status) scene.teller.fact(`${deployment.status}: ${deployment.reason}`);
    shown.set('', deployment.status);
    return isResting(deployment.status) ? deployment : undefined;
  });
}

const inWords = ({ name, state, devices }: DeploymentRing): string =>
  `Ring ${name} is ${state}: ${Object.entries(devices)
    .map(([of, count]) => `${count} ${of}`)
    .join(', ')}`;

async function ringsOf(scene: Scene, id: string): Promise<DeploymentRing[]> {
  return (await scene.api.get(`/deployments/${id}/rings`, deploymentRingsSchema)).items;
}

/** All rings passed, and the program runs on the machine of the reference agent. */
export async function rolledOut(scene: Scene, deployment: Deployment, signer: string): Promise<void> {
  const { status, reason } = await follow(scene, deployment.id);
  if (status !== 'COMPLETED') throw new DemoError(`it ended ${status}: ${reason}`);
  await greets(scene, deployment.package_version);
  await namesDeployment(scene, deployment.id);
  const { items } = await scene.api.page(`/deployments/${deployment.id}/devices`, deploymentDeviceSchema, {
    ring: 'early',
  });
  const own = items.find(({ agent_id }) => agent_id === scene.agentId);
  if (own?.state !== 'INSTALLED' || own.task_id === null)
    throw new DemoError('the reference agent did not report the install');
  const task = await scene.api.get(`/tasks/${own.task_id}`, taskSchema);
  const { signed_by } = resultOf(task, z.looseObject({ signed_by: z.string() }));
  if (signed_by.toLowerCase() !== signer)
    throw new DemoError(`the reference agent found the signature of ${signed_by}`);
  scene.teller.fact(`Before it installed, the reference agent checked the signature itself: by ${signed_by}`);
}

/** The deployment has evidence of its own by now. */
async function namesDeployment(scene: Scene, id: string): Promise<void> {
  const { evidence_id } = await scene.api.get(`/deployments/${id}`, deploymentSchema);
  const pack = await scene.api.get(`/evidence-packs/${evidence_id}`, evidencePackSchema);
  if (pack.deployment_intent_id !== id) throw new DemoError('its evidence does not name the deployment');
  scene.teller.fact(`Evidence pack ${pack.id} names this deployment`);
}

/** What the installed program says is what its version says. */
export async function greets(scene: Scene, version: string): Promise<void> {
  const { stdout } = await run(join(scene.installRoot ?? '/', PROGRAM_FILE));
  if (!stdout.includes(version)) throw new DemoError(`the installed program says: ${stdout.trim()}`);
  scene.teller.fact(`${PROGRAM_FILE} on the machine of the reference agent says: ${stdout.trim()}`);
}

/** The first ring shows that the version is bad: no other ring begins, and its devices go back. */
export async function stoppedInFirstRing(scene: Scene, { id }: Deployment, kept: string): Promise<void> {
  const { status, reason } = await follow(scene, id);
  if (status !== 'ROLLED_BACK') throw new DemoError(`it ended ${status}: ${reason}`);
  const [canary, ...others] = await ringsOf(scene, id);
  if (canary?.state !== 'STOPPED' || others.some(({ state }) => state !== 'WAITING'))
    throw new DemoError('not the first ring alone has begun');
  scene.teller.fact(`Stopped: ${canary.reason}`);
  const { ROLLED_BACK = 0 } = canary.devices;
  if (ROLLED_BACK === 0) throw new DemoError('no device of the first ring went back');
  scene.teller.fact(`${ROLLED_BACK} devices went back to ${kept}; no other device saw the new version`);
  await greets(scene, kept);
}
