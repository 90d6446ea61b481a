import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { taskSchema } from '../../contracts/agent-task/task.ts';
import {
  type Incident,
  type IncidentDetail,
  incidentDetailSchema,
  incidentRemedySchema,
  incidentSchema,
} from '../../contracts/incident/incident.ts';
import type { Io } from '../client/io.ts';
import { REPORT_FILE, REPORT_PACKAGE, upload } from './artifacts.ts';
import { folderReadOnly, type Obstacle, portInUse } from './failing-package.ts';
import { eucora } from './operator.ts';
import type { Scene } from './scene.ts';
import { DemoError, until } from './teller.ts';

const STORY_MS = 90_000;

/**
 * A package that fails on this machine: the failed deployment becomes an incident, is classified without any model,
 * gets a suggestion, is approved at the command line, the device is remedied for real, and the deployment, done
 * again, succeeds.
 */
export async function remedyIncident(scene: Scene, io: Io): Promise<void> {
  const { folder, installRoot } = scene;
  const obstacle =
    installRoot === undefined ? await portInUse(folder) : await folderReadOnly(folder, installRoot);
  try {
    const artifact = await upload(scene.api, obstacle.path);
    scene.teller.fact(obstacle.told);
    const failed = await scene.runTask(
      'DEPLOY',
      {
        package_name: REPORT_PACKAGE,
        package_version: '1.0',
        format: 'deb',
        artifact: { sha256: artifact.sha256 },
        detection: { file_exists: REPORT_FILE, package_name: REPORT_PACKAGE, package_version: '1.0' },
      },
      'FAILED',
    );
    scene.teller.fact(`The deployment failed: ${lastLine(failed.error_message)}`);
    const opened = await until('an incident opens', STORY_MS, scene.signal, () => found(scene));
    scene.teller.fact(`Incident ${opened.id} opened; its workflow is ${opened.workflow_id}`);
    const waiting = await becomes(scene, opened.id, 'AWAITING_DECISION');
    scene.teller.fact(
      `Classified offline as ${waiting.label}, severity ${waiting.severity}, confidence ${Math.round(100 * (waiting.confidence ?? 0))} %: ${waiting.root_cause}`,
    );
    const suggestion = await chooseSuggestion(scene, io, waiting, obstacle);
    await eucora(scene, io, ['incidents', 'approve', waiting.id, '--suggestion', suggestion, '--yes']);
    scene.teller.fact(`Approved by: eucora incidents approve ${waiting.id} --suggestion ${suggestion}`);
    const closed = await becomes(scene, waiting.id, 'CLOSED');
    if (closed.outcome !== 'RESOLVED') throw new DemoError(`the incident was closed as ${closed.outcome}`);
    if (!(await obstacle.isGone())) throw new DemoError('what was in the way still is');
    await deployedAgain(scene, closed.id, obstacle);
    scene.teller.fact(`Closed: ${closed.outcome}. Its story: eucora incidents timeline ${closed.id}`);
  } finally {
    await obstacle.clear();
  }
}

/** The failed deployment was done again, and its package is there. */
async function deployedAgain(scene: Scene, id: string, obstacle: Obstacle): Promise<void> {
  const { items } = await scene.api.page(`/incidents/${id}/remedies`, incidentRemedySchema, {});
  const again = items[0]?.verify_task_id;
  if (again == null) throw new DemoError('the failed deployment was not done again');
  const task = await scene.api.get(`/tasks/${again}`, taskSchema);
  if (task.task_type !== 'DEPLOY' || task.status !== 'COMPLETED')
    throw new DemoError(`done again, the deployment ended ${task.status}: ${task.error_message}`);
  scene.teller.fact(`${obstacle.gone}: DEPLOY task ${task.id}, done again, is ${task.status}`);
}

/** The suggestion of the rules; on a machine where it cannot work, a script of the operator's own. */
async function chooseSuggestion(
  scene: Scene,
  io: Io,
  incident: IncidentDetail,
  obstacle: Obstacle,
): Promise<string> {
  const dangerous = join(scene.folder, 'dangerous.sh');
  await writeFile(dangerous, 'target=/\nrm -rf "$target"\n');
  const refused = await eucora(scene, io, ['incidents', 'edit', incident.id, '--script', dangerous], {
    expected: 1,
  });
  scene.teller.fact(
    `A dangerous edit is refused: ${refused
      .split('\n')
      .find((line) => line.includes('script:'))
      ?.trim()}`,
  );
  const [made] = incident.suggestions;
  if (made?.script != null && obstacle.isForRules) {
    scene.teller.fact(`Suggested: ${made.explanation}`);
    return made.id;
  }
  const own = join(scene.folder, 'remedy.sh');
  await writeFile(own, obstacle.script);
  await eucora(scene, io, ['incidents', 'edit', incident.id, '--script', own]);
  const edited = await scene.api.get(`/incidents/${incident.id}`, incidentDetailSchema);
  scene.teller.fact('What is suggested cannot work here; the operator’s own script takes its place');
  return edited.preselected_suggestion_id ?? '';
}

async function found(scene: Scene): Promise<Incident | undefined> {
  const { items } = await scene.api.page('/incidents', incidentSchema, {
    package: REPORT_PACKAGE,
    open: true,
  });
  return items[0];
}

function becomes(scene: Scene, id: string, status: Incident['status']): Promise<IncidentDetail> {
  let shown = '';
  return until(`the incident is ${status}`, STORY_MS, scene.signal, async () => {
    const incident = await scene.api.get(`/incidents/${id}`, incidentDetailSchema);
    if (incident.status !== shown) scene.teller.fact(`The incident is ${incident.status}`);
    shown = incident.status;
    return incident.status === status ? incident : undefined;
  });
}

const lastLine = (text: string | null): string =>
  (text ?? '')
    .split('\n')
    .find((line) => /in use|denied/i.test(line))
    ?.trim() ?? 'nobody said why';
