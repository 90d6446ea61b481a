import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Agent, agentSchema } from '../../contracts/agent/agent.ts';
import { offlineQueueItemSchema } from '../../contracts/agent-task/task.ts';
import { deploymentStatusSchema, telemetryRecordSchema } from '../../contracts/telemetry/telemetry.ts';
import {
  brokenAgentVersion,
  buildAgentVersion,
  buildPackage,
  DEMO_FILE,
  DEMO_PACKAGE,
  upload,
} from './artifacts.ts';
import { resultOf, type Scene } from './scene.ts';
import { DemoError, until } from './teller.ts';

/** The agent makes its key, enrols by a signing request and comes online. */
export async function enrol(scene: Scene, tag: string): Promise<void> {
  scene.agent.start();
  scene.teller.fact(`The reference agent runs as process ${scene.agent.pid}`);
  const agent = await until('an agent enrols', 30_000, scene.signal, async () => {
    if (!scene.agent.running) throw new DemoError('the agent ended instead of enrolling');
    const { items } = await scene.api.page('/agents', agentSchema, { tag });
    return items.find((item) => item.status !== 'UNKNOWN');
  });
  scene.enrolled(agent.id);
  scene.teller.fact(`${agent.hostname} enrolled as ${agent.id}`);
  scene.teller.fact(
    `${agent.platform} ${agent.platform_version}, ${agent.cpu_cores} cores, ${agent.memory_mb} MiB, agent ${agent.agent_version}`,
  );
  await online(scene);
}

async function online(scene: Scene): Promise<Agent> {
  const agent = await until('the agent is online', 30_000, scene.signal, async () => {
    const read = await scene.readAgent();
    return read.is_online ? read : undefined;
  });
  scene.teller.fact(`It is ${agent.status}, heard at ${agent.last_heartbeat_at}`);
  return agent;
}

/** Real measurements of this machine. */
export async function telemetry(scene: Scene): Promise<void> {
  const sample = await until('telemetry arrives', 30_000, scene.signal, async () => {
    const { items } = await scene.api.page(`/agents/${scene.agentId}/telemetry`, telemetryRecordSchema, {
      limit: 1,
    });
    return items[0];
  });
  const shown = (value: number | null | undefined, unit: string) =>
    value === null || value === undefined ? 'unknown' : `${Math.round(value)} ${unit}`;
  scene.teller.fact(
    `CPU ${shown(sample.cpu_percent, '%')}, memory ${shown(sample.memory_used_mb, 'MiB')} of ${shown(sample.memory_total_mb, 'MiB')}, disk ${shown(sample.disk_used_gb, 'GiB')} of ${shown(sample.disk_total_gb, 'GiB')}`,
  );
}

const collected = z.looseObject({
  installed_software_count: z.number().int(),
  installed_software: z.array(z.looseObject({ name: z.string(), version: z.string() })),
});

/** COLLECT: on Debian the real list of dpkg. */
export async function collect(scene: Scene): Promise<void> {
  const task = await scene.runTask('COLLECT', { collect: ['installed_software', 'system'] }, 'COMPLETED');
  const { installed_software_count: count, installed_software: software } = resultOf(task, collected);
  if (count === 0) throw new DemoError('no installed software was found');
  const some = software.slice(0, 3).map(({ name, version }) => `${name} ${version}`);
  scene.teller.fact(`${count} packages, among them ${some.join(', ')}`);
}

const DETECTION = { file_exists: DEMO_FILE, package_name: DEMO_PACKAGE };

/** DEPLOY: a package built just now, downloaded from the platform, checked, installed and detected. */
export async function deploy(scene: Scene): Promise<void> {
  const artifact = await upload(scene.api, await buildPackage(scene.folder, '1.0'));
  scene.teller.fact(
    `Built and uploaded ${artifact.name}, ${artifact.size_bytes} bytes, SHA-256 ${artifact.sha256}`,
  );
  const task = await scene.runTask(
    'DEPLOY',
    {
      package_name: DEMO_PACKAGE,
      package_version: '1.0',
      format: 'deb',
      artifact: { sha256: artifact.sha256 },
      detection: { ...DETECTION, package_version: '1.0' },
    },
    'COMPLETED',
  );
  const { install_root } = resultOf(task, z.looseObject({ install_root: z.string() }));
  scene.teller.fact(`Installed below ${install_root}; the detection rule holds`);
  const reports = await scene.api.page('/deployment-statuses', deploymentStatusSchema, { task_id: task.id });
  scene.teller.fact(
    `Reported on the way: ${reports.items
      .map((report) => report.status)
      .reverse()
      .join(', ')}`,
  );
}

/** DEPLOY of a package whose bytes are not those that were promised. */
export async function refuseWrongHash(scene: Scene): Promise<void> {
  const artifact = await upload(scene.api, await buildPackage(scene.folder, '2.0'));
  const task = await scene.runTask(
    'DEPLOY',
    {
      package_name: DEMO_PACKAGE,
      package_version: '2.0',
      format: 'deb',
      artifact: { sha256: '0'.repeat(64), url: `/api/v1/artifacts/${artifact.sha256}` },
      detection: { ...DETECTION, package_version: '2.0' },
    },
    'FAILED',
  );
  if (!/hash|sha-?256/i.test(task.error_message ?? ''))
    throw new DemoError(`it failed for another reason: ${task.error_message}`);
  scene.teller.fact(`Refused: ${task.error_message}`);
}

const ran = z.looseObject({ exit_code: z.number().nullable(), stdout: z.string(), timed_out: z.boolean() });

/** REMEDIATE: output, exit code and time limit of scripts. */
export async function remediate(scene: Scene): Promise<void> {
  const good = await scene.runTask(
    'REMEDIATE',
    { script: 'echo "running on $(uname -s)"; date -u', interpreter: 'sh' },
    'COMPLETED',
  );
  scene.teller.fact(`It printed: ${resultOf(good, ran).stdout.trim().replaceAll('\n', ' | ')}`);
  const bad = await scene.runTask(
    'REMEDIATE',
    { script: 'echo "no such service" >&2; exit 3', interpreter: 'sh' },
    'FAILED',
  );
  scene.teller.fact(`Exit code ${resultOf(bad, ran).exit_code} fails the task: ${bad.error_message}`);
  const slow = await scene.runTask(
    'REMEDIATE',
    { script: 'sleep 60', interpreter: 'sh', time_limit_seconds: 2 },
    'FAILED',
  );
  if (!resultOf(slow, ran).timed_out) throw new DemoError('the time limit did not end the script');
  scene.teller.fact(`A script past its time limit is ended: ${slow.error_message}`);
}

/** UPDATE: to a newer version, and back from one that does not come up. */
export async function update(scene: Scene): Promise<void> {
  const before = (await scene.readAgent()).agent_version;
  const newer = nextVersion(before);
  const good = await upload(scene.api, await buildAgentVersion(scene.folder, newer));
  await scene.runTask(
    'UPDATE',
    { version: newer, artifact: { sha256: good.sha256 }, health_timeout_seconds: 30 },
    'COMPLETED',
  );
  await reportsVersion(scene, newer);
  scene.teller.fact(`The agent replaced itself: ${before} → ${newer}`);
  const broken = nextVersion(newer);
  const bad = await upload(scene.api, await brokenAgentVersion(scene.folder, broken));
  const task = await scene.runTask(
    'UPDATE',
    { version: broken, artifact: { sha256: bad.sha256 }, health_timeout_seconds: 10 },
    'FAILED',
  );
  await reportsVersion(scene, newer);
  scene.teller.fact(`Version ${broken} did not come up; it is back on ${newer}: ${task.error_message}`);
}

function nextVersion(version: string): string {
  const [major = '0', minor = '0'] = version.split('.');
  return `${major}.${Number(minor) + 1}.0`;
}

async function reportsVersion(scene: Scene, version: string): Promise<void> {
  await until(`the agent says that it is ${version}`, 30_000, scene.signal, async () => {
    const agent = await scene.readAgent();
    return agent.is_online && agent.agent_version === version ? true : undefined;
  });
}

/** Killed, offline, a task waits; back again, the queue is replayed. */
export async function offlineAndReplay(scene: Scene): Promise<void> {
  await scene.agent.kill();
  scene.teller.fact('The agent was killed');
  await scene.agentBecomes('OFFLINE', 60_000);
  scene.teller.fact('The platform marked it OFFLINE');
  const marker = join(scene.folder, 'replayed');
  await rm(marker, { force: true });
  const task = await scene.createTask('REMEDIATE', {
    script: `echo replayed > '${marker}'`,
    interpreter: 'sh',
  });
  const queue = await scene.api.page('/offline-queue', offlineQueueItemSchema, {
    agent_id: scene.agentId,
    delivered: 'false',
  });
  const item = queue.items.find(({ task_id }) => task_id === task.id);
  if (item === undefined) throw new DemoError('the task is not in the offline queue');
  scene.teller.fact(
    `Task ${task.id} is ${task.status} and waits in the offline queue since ${item.queued_at}`,
  );
  scene.agent.start();
  scene.teller.fact('The agent was started again');
  const ended = await scene.taskEnds(task.id);
  if (ended.status !== 'COMPLETED')
    throw new DemoError(`the task ended ${ended.status}: ${ended.error_message}`);
  await rm(marker);
  await online(scene);
}

const workflowPage = z.looseObject({ executions: z.array(z.unknown()) });

/** Temporal itself answers for the agent's tasks. */
export async function temporalKnows(scene: Scene, query: string): Promise<void> {
  const ui = scene.platform.endpoints.temporal_ui;
  if (ui === undefined || ui === null) {
    scene.teller.fact('Temporal is external here; its Web UI is not ours to ask');
    return;
  }
  const url = `${ui}/api/v1/namespaces/default/workflows?query=${encodeURIComponent(query)}`;
  const count = await until('Temporal lists the workflows', 20_000, scene.signal, async () => {
    const answer = await fetch(url, { signal: scene.signal });
    const { executions } = workflowPage.parse(await answer.json());
    return executions.length > 0 ? executions.length : undefined;
  });
  scene.teller.fact(`${count} workflows are found by ${query}`);
}
