import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from '../../cli/demo/trivy-database.ts';
import { verifyEvidence } from '../../evidence/verify.ts';
import { debDescription, pipelineRequest } from '../packaging-pipeline/support/samples.ts';
import { Rig, UNLIMITED } from './support/rig.ts';

const PIPELINES = '/api/v1/packaging-pipelines';
const PROGRAM = '#!/bin/sh\necho hello\n';

let rig: Rig;
let trivy: string;

beforeAll(async () => {
  trivy = await mkdtemp(join(tmpdir(), 'eucora-trivy-'));
  await writeTrivyDatabase(trivy, KNOWN_ADVISORIES, new Date());
  rig = await Rig.start({ ...UNLIMITED, EUCORA_TRIVY_CACHE_DIR: trivy });
}, 600_000);
afterAll(async () => {
  await rig?.dispose();
  await rm(trivy, { recursive: true, force: true });
});

/** What is no JSON. */
async function raw(path: string, body?: string): Promise<string> {
  const token = (await readFile(rig.endpoints.admin_token_file, 'utf8')).trim();
  const answer = await request(rig.endpoints.operator_api + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    ...(body === undefined ? {} : { body }),
  });
  expect(answer.statusCode).toBeLessThan(300);
  return answer.body.text();
}

/** Each of a package of its own: the same one, signed in the same second, would be the same bytes. */
async function begin(name: string): Promise<string> {
  const sha256 = createHash('sha256').update(PROGRAM).digest('hex');
  await raw('/api/v1/artifacts?name=hello', PROGRAM);
  const wanted = pipelineRequest(sha256, { description: debDescription({ name }) });
  const made = await rig.operator('POST', PIPELINES, wanted, { 'idempotency-key': randomUUID() });
  expect(made.status).toBe(201);
  return String(made.body['id']);
}

/** Asks the database, which is quicker than the API, until the step has begun. */
async function untilBegun(id: string, step: string): Promise<void> {
  for (;;) {
    const { rowCount } = await rig.database.query(
      'SELECT 1 FROM packaging_step WHERE pipeline_id = $1 AND step = $2',
      [id, step],
    );
    if (rowCount === 1) return;
  }
}

async function ended(id: string): Promise<Record<string, unknown>> {
  for (;;) {
    const { body } = await rig.operator('GET', `${PIPELINES}/${id}`);
    if (body['ended_at'] !== null) return body;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * The pipeline during whose step the worker was killed, by that step. One after the other they are struck, and then
 * they wait together for their steps to count as lost: what is struck later strikes the earlier ones again.
 */
const struck = new Map<string, string>();
const STEPS = ['build', 'sign', 'scan', 'evidence'];
beforeAll(async () => {
  for (const step of STEPS) {
    const id = await begin(`hello-${step}`);
    await untilBegun(id, step);
    await rig.strike('packaging', 0);
    struck.set(step, id);
  }
}, 180_000);

it.each(STEPS)(
  'a packaging worker that is killed in the step %s and started again finishes with one output and one evidence',
  async (step) => {
    const id = struck.get(step) ?? '';
    const pipeline = await ended(id);
    expect(pipeline).toMatchObject({ status: 'PASSED', failure_code: null });
    const { rows } = await rig.database.query('SELECT sha256 FROM evidence_pack WHERE pipeline_id = $1', [
      id,
    ]);
    expect(rows).toHaveLength(1);
    const created = await rig.database.query('SELECT 1 FROM artifact WHERE created_by = $1', [
      pipeline['workflow_id'],
    ]);
    expect(created.rowCount).toBe(1);
    const text = await raw(`/api/v1/evidence-packs/${pipeline['evidence_id']}/document`);
    const artifact = String(pipeline['output_artifact_hash']);
    expect(() => verifyEvidence(text, { ca: rig.caPem }, { artifact })).not.toThrow();
  },
  180_000,
);
