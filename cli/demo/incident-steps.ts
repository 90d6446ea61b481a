import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  type Incident,
  type IncidentDetail,
  incidentDetailSchema,
  incidentSchema,
} from '../../contracts/incident/incident.ts';
import type { Io } from '../client/io.ts';
import { remediesOf } from '../commands/incident-columns.ts';
import { eucora } from './operator.ts';
import type { Scene } from './scene.ts';
import { DemoError, until } from './teller.ts';

const SERVICE_PACKAGE = 'eucora-demo-report';
const STORY_MS = 60_000;

/** Takes the port that it is told, answers once, and ends: 0 when that worked, 1 when somebody else has the port. */
const SERVICE = `import { createServer } from 'node:http';
const port = Number(process.argv[2]);
const server = createServer((_request, response) => response.end('report'));
server.on('error', (error) => {
  console.error(\`report service: cannot listen: port \${port} is already in use (\${error.code})\`);
  process.exit(1);
});
server.listen(port, '127.0.0.1', async () => {
  console.log(await (await fetch(\`http://127.0.0.1:\${port}\`)).text());
  server.close();
});
`;

/** Something that was left over, and holds the port that the service needs. */
const LEFTOVER = `require('node:net').createServer().listen(Number(process.argv[1]), '127.0.0.1', () => console.log('up'));`;

/**
 * A port in use keeps a package's service from starting: the failure becomes an incident, is classified without any
 * model, gets a suggestion, is approved at the command line, and the device is remedied for real.
 */
export async function remedyIncident(scene: Scene, io: Io): Promise<void> {
  const port = await freePort();
  const leftover = await takePort(port);
  try {
    const service = join(scene.folder, 'report-service');
    await mkdir(service, { recursive: true });
    const file = join(service, 'service.mjs');
    await writeFile(file, SERVICE);
    const failed = await scene.runTask(
      'REMEDIATE',
      {
        package_name: SERVICE_PACKAGE,
        interpreter: 'sh',
        script: `exec '${process.execPath}' '${file}' ${port}`,
      },
      'FAILED',
    );
    scene.teller.fact(`The service of ${SERVICE_PACKAGE} does not start: ${said(failed.result)}`);
    const opened = await until('an incident opens', STORY_MS, scene.signal, () => found(scene));
    scene.teller.fact(`Incident ${opened.id} opened; its workflow is ${opened.workflow_id}`);
    const waiting = await becomes(scene, opened.id, 'AWAITING_DECISION');
    scene.teller.fact(
      `Classified offline as ${waiting.label}, severity ${waiting.severity}, confidence ${Math.round(100 * (waiting.confidence ?? 0))} %: ${waiting.root_cause}`,
    );
    const suggestion = await chooseSuggestion(scene, io, waiting, leftover);
    await eucora(scene, io, ['incidents', 'approve', waiting.id, '--suggestion', suggestion, '--yes']);
    scene.teller.fact(`Approved by: eucora incidents approve ${waiting.id} --suggestion ${suggestion}`);
    const closed = await becomes(scene, waiting.id, 'CLOSED');
    if (closed.outcome !== 'RESOLVED') throw new DemoError(`the incident was closed as ${closed.outcome}`);
    scene.teller.fact(
      `The script ended what held port ${port}, and the service starts: ${remediesOf(closed.remedies)}`,
    );
    if (leftover.exitCode === null && leftover.signalCode === null)
      throw new DemoError('the port is still held');
    scene.teller.fact(`Closed: ${closed.outcome}. Its story: eucora incidents timeline ${closed.id}`);
  } finally {
    leftover.kill('SIGKILL');
  }
}

/** The suggestion of the rules; on a machine without the tools that it needs, a script of the operator's own. */
async function chooseSuggestion(
  scene: Scene,
  io: Io,
  incident: IncidentDetail,
  leftover: ChildProcess,
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
  if (made?.script != null && (await hasSocketTool())) {
    scene.teller.fact(`Suggested: ${made.explanation}`);
    return made.id;
  }
  const own = join(scene.folder, 'remedy.sh');
  await writeFile(own, `kill ${leftover.pid}\nsleep 1\n`);
  await eucora(scene, io, ['incidents', 'edit', incident.id, '--script', own]);
  const edited = await scene.api.get(`/incidents/${incident.id}`, incidentDetailSchema);
  scene.teller.fact('The suggestion cannot work here; the operator’s own script takes its place');
  return edited.preselected_suggestion_id ?? '';
}

async function found(scene: Scene): Promise<Incident | undefined> {
  const { items } = await scene.api.page('/incidents', incidentSchema, {
    package: SERVICE_PACKAGE,
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new DemoError('no port can be opened');
  return address.port;
}

async function takePort(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', LEFTOVER, String(port)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return child;
}

/** `ss` of iproute2, which the suggestion uses. */
async function hasSocketTool(): Promise<boolean> {
  const child = spawn('ss', ['-V'], { stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

function said(result: unknown): string {
  const output =
    typeof result === 'object' && result !== null && 'stderr' in result ? String(result.stderr) : '';
  return output.trim();
}
