import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createDeploymentSchema } from '../../contracts/deployment/deployment.ts';
import { verifyEvidence } from '../../evidence/verify.ts';
import { PackagingError } from '../../packaging/index.ts';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import { ensureSearchAttributes } from '../../workers/setup/search-attributes.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type DevServer, devServer } from '../harness/engines.ts';
import { eventually } from '../harness/eventually.ts';
import { ORIGIN, PackagingPlane } from './support/plane.ts';
import { finding } from './support/tools.ts';

let server: DevServer;
let env: TestWorkflowEnvironment;
let database: TestDatabase;
let plane: PackagingPlane;

beforeAll(async () => {
  [server, database] = await Promise.all([devServer(), createTestDatabase()]);
  env = await server.environment();
  await ensureSearchAttributes(env.client, 'default');
});
beforeEach(async () => {
  plane = await PackagingPlane.start(env, database);
});
afterEach(() => plane?.stop());
afterAll(async () => {
  await env?.teardown();
  await server?.dispose();
  await database?.dispose();
});

/** Holds a step up until it is let go, or stopped. */
function holdUp(step: Parameters<PackagingPlane['tools']['before']>[0]) {
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let stopped = false;
  const reached = new Promise<void>((resolve) => {
    plane.tools.before(step, async (ctx) => {
      ctx.log('works');
      resolve();
      await Promise.race([
        gate,
        new Promise((_, reject) => {
          ctx.signal.addEventListener('abort', () => {
            stopped = true;
            reject(ctx.signal.reason);
          });
        }),
      ]);
    });
  });
  return { reached, letGo: () => letGo(), wasStopped: () => stopped };
}

describe('A pipeline that passes', () => {
  it('goes through all steps once, stores the package for agents and leaves evidence that holds', async () => {
    const id = await plane.begin();
    const pipeline = await plane.ended(id);
    expect(pipeline).toMatchObject({ status: 'PASSED', scan_pass: true, failure_code: null });
    expect(pipeline.steps.map(({ step, status, attempts }) => [step, status, attempts])).toEqual(
      ['fetch', 'build', 'sign', 'verify', 'sbom', 'scan', 'policy', 'store', 'evidence'].map((step) => [
        step,
        'DONE',
        1,
      ]),
    );
    expect(pipeline.steps.every(({ duration_ms }) => duration_ms !== null)).toBe(true);
    for (const time of ['build_started_at', 'sign_ended_at', 'sbom_started_at', 'scan_ended_at'] as const)
      expect(pipeline[time]).not.toBeNull();
    const artifact = await database.stores.artifacts.find(pipeline.output_artifact_hash ?? '');
    expect(artifact).toMatchObject({ name: 'hello_1.0.0-1_amd64.deb', created_by: pipeline.workflow_id });
    const { certificatePem } = await CertificateAuthority.open(plane.folder);
    const document = (await plane.content.bytes(pipeline.evidence_hash ?? '')).toString();
    const statement = verifyEvidence(
      document,
      { ca: certificatePem },
      {
        source: pipeline.source_artifact_hash,
        artifact: pipeline.output_artifact_hash ?? '',
        sbom: pipeline.sbom_hash ?? '',
        scan: pipeline.scan_results_hash ?? '',
      },
    );
    expect(statement.predicate.eucora).toMatchObject({ policy: { verdict: 'PASSED' }, intent: null });
    const { items } = await database.stores.findings.list(id, { limit: 10 });
    expect(items.map(({ severity }) => severity.toLowerCase())).toEqual(
      Object.entries(pipeline.scan_summary ?? {}).flatMap(([severity, count]) => Array(count).fill(severity)),
    );
    expect(await readdir(plane.workspaces)).toEqual([]);
    const log = await plane.log(id);
    expect(log).toContain('build: built hello_1.0.0-1_amd64.deb\n');
    expect(log).toContain('sign: warning: the certificate ends soon\n');
  });

  it('tells the Web UI what it is, where it stands and how long each step took', async () => {
    const held = holdUp('buildPackage');
    const id = await plane.begin();
    await held.reached;
    const metadata = async () =>
      (await plane.handle(id).query('__temporal_workflow_metadata')) as { currentDetails: string };
    await eventually(async () => expect((await metadata()).currentDetails).toContain('**build**'));
    const described = await plane.handle(id).describe();
    expect(await described.staticSummary()).toBe('hello 1.0.0 as deb');
    await eventually(async () => {
      const { count } = await env.client.workflow.count(
        `EucoraPackage = 'hello' AND EucoraState = 'BUILDING'`,
      );
      expect(count).toBe(1);
    });
    expect(await database.stores.pipelines.find(id)).toMatchObject({ status: 'BUILDING' });
    held.letGo();
    await plane.ended(id);
    expect((await metadata()).currentDetails).toMatch(/PASSED.*\n\n- fetch: \d+\.\d s\n/s);
    expect(await plane.handle(id).query('stepTimings')).toHaveLength(9);
  });

  it('has a log that can be read while a tool works', async () => {
    const held = holdUp('buildPackage');
    const id = await plane.begin();
    await held.reached;
    await eventually(async () => expect(await plane.log(id)).toContain('build: works\n'));
    expect((await database.stores.pipelines.logs.read(id, 0, 500))?.complete).toBe(false);
    held.letGo();
    await plane.ended(id);
    expect((await database.stores.pipelines.logs.read(id, 0, 500))?.complete).toBe(true);
  });

  it('gives deployments a pack of their own, once, and they point to it', async () => {
    const id = await plane.begin();
    const pipeline = await plane.ended(id);
    const { deployments, evidence, signingKeys } = database.stores;
    await signingKeys.note({
      thumbprint: pipeline.signing_certificate_thumbprint ?? '',
      material: 'a key',
      subject: 'test',
      expires_at: null,
    });
    const rings = [{ name: 'all', size: { rest: true } }];
    const request = { pipeline_id: id, plan: { rings, late_joiners: true } };
    const creation = await deployments.create(createDeploymentSchema.parse(request), ORIGIN);
    if (creation.kind !== 'created') throw new Error(creation.kind);
    const intent = creation.deployment;
    expect(intent.evidence_id).toBe(pipeline.evidence_id);
    const packId = await plane.packIntentEvidence(intent.id);
    expect(await plane.packIntentEvidence(intent.id)).toBe(packId);
    const pack = await evidence.find(packId);
    if (pack === undefined) throw new Error('There is no pack');
    expect(pack.sha256).not.toBe(pipeline.evidence_hash);
    expect((await deployments.find(intent.id))?.evidence_id).toBe(packId);
    const { certificatePem } = await CertificateAuthority.open(plane.folder);
    const document = (await plane.content.bytes(pack.sha256)).toString();
    expect(verifyEvidence(document, { ca: certificatePem }).predicate.eucora.intent).toEqual({
      id: intent.id,
      description: intent.name,
      created_by: ORIGIN.actor.id,
      risk_score: intent.risk.score,
    });
    expect((await database.stores.pipelines.find(id))?.evidence_hash).toBe(pipeline.evidence_hash);
    const { items } = await database.stores.audit.list({
      object_id: intent.id,
      action: 'deployment.evidence',
      limit: 5,
    });
    expect(items).toMatchObject([{ after: { evidence_id: packId } }]);
  });

  it('has no evidence for a deployment that is not there', async () => {
    await expect(plane.packIntentEvidence(randomUUID())).rejects.toThrow(/no deployment/);
  });
});

describe('A pipeline that fails', () => {
  it('by its policy names the rule and the finding, keeps SBOM and scan, and stores no package', async () => {
    plane.tools.findings = [finding()];
    const pipeline = await plane.ended(await plane.begin());
    expect(pipeline).toMatchObject({
      status: 'FAILED',
      failure_step: 'policy',
      failure_code: 'policy-refused',
      scan_pass: false,
      scan_summary: { critical: 1, high: 0 },
      output_artifact_hash: null,
      evidence_id: null,
    });
    expect(pipeline.failure_message).toContain('severity-gate');
    expect(pipeline.failure_message).toContain('CVE-2019-10744');
    expect(await plane.content.size(pipeline.sbom_hash ?? '')).toBeGreaterThan(0);
    expect(await readdir(plane.workspaces)).toEqual([]);
  });

  it('passes once an exception covers every blocking finding, and names it', async () => {
    plane.tools.findings = [finding()];
    const { policyExceptions } = database.stores;
    const asked = await policyExceptions.request(
      { package_name: 'hello', cve_ids: ['CVE-2019-10744'], reason: 'unreachable', expires_in_seconds: 600 },
      { type: 'operator', id: 'ann' },
      'test',
    );
    expect(await plane.ended(await plane.begin())).toMatchObject({ failure_code: 'policy-refused' });
    await policyExceptions.approve(asked.id, { type: 'operator', id: 'bob' }, 'test');
    const pipeline = await plane.ended(await plane.begin());
    expect(pipeline).toMatchObject({ status: 'PASSED', exception_id: asked.id, scan_pass: false });
    expect(pipeline.policy_decision).toMatchObject({ verdict: 'EXCUSED' });
    await policyExceptions.revoke(asked.id, { type: 'operator', id: 'bob' }, 'test');
  });

  it('by a compile error is not tried again', async () => {
    plane.tools.before('buildPackage', () => {
      throw new PackagingError('build-failed', 'hello.c:1: error');
    });
    const pipeline = await plane.ended(await plane.begin());
    expect(pipeline).toMatchObject({ failure_step: 'build', failure_code: 'build-failed' });
    expect(pipeline.failure_message).toBe('hello.c:1: error');
    expect(plane.tools.runs.filter((step) => step === 'buildPackage')).toHaveLength(1);
    expect(await plane.log(pipeline.id)).toContain('build: failed: hello.c:1: error\n');
  });

  it('by a tool that is not there is not tried again, and says which it is and what brings it', async () => {
    const message = 'nfpm is not installed on this worker. It comes with: …';
    plane.tools.before('buildPackage', () => {
      throw new PackagingError('tool-missing', message);
    });
    const pipeline = await plane.ended(await plane.begin());
    expect(pipeline).toMatchObject({
      failure_step: 'build',
      failure_code: 'tool-missing',
      failure_message: message,
      last_error: null,
    });
    expect(pipeline.steps.find(({ step }) => step === 'build')).toMatchObject({
      attempts: 1,
      error: message,
    });
  });

  it('again and again tells why while it goes on: the error stays until the step is done', async () => {
    const { pipelines } = database.stores;
    let tries = 0;
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    plane.tools.before('signPackage', () => {
      tries += 1;
      if (tries < 3) throw new PackagingError('unreachable', `no answer to call ${tries}`);
      return gate;
    });
    const id = await plane.begin();
    await eventually(() => expect(tries).toBe(3));
    const under = await pipelines.find(id);
    expect(under?.last_error).toEqual({ step: 'sign', attempt: 2, message: 'no answer to call 2' });
    expect(under?.steps.find(({ step }) => step === 'sign')).toMatchObject({
      status: 'RUNNING',
      attempts: 3,
      error: 'no answer to call 2',
    });
    const { items } = await pipelines.list({ limit: 1 });
    expect(items[0]).toMatchObject({ id, last_error: under?.last_error });
    expect(await plane.log(id)).toContain('sign: failed: no answer to call 2 (it is tried again)\n');
    letGo();
    const ended = await plane.ended(id);
    expect(ended).toMatchObject({ status: 'PASSED', last_error: null });
    expect(ended.steps.every(({ error }) => error === null)).toBe(true);
  });

  it('because it was cancelled keeps why it did not get on before', async () => {
    plane.tools.before('signPackage', () => {
      throw new PackagingError('unreachable', 'no answer');
    });
    const id = await plane.begin();
    const { pipelines } = database.stores;
    const failed = await eventually(async () => {
      const error = (await pipelines.find(id))?.last_error;
      expect(error).toMatchObject({ step: 'sign', message: 'no answer' });
      return error;
    });
    await plane.cancel(id);
    const pipeline = await plane.ended(id);
    expect(pipeline).toMatchObject({ failure_code: 'cancelled', last_error: null });
    const sign = pipeline.steps.find(({ step }) => step === 'sign');
    // Where the machine was so slow that another attempt had begun, that one may be what was cancelled.
    const told = sign?.attempts === failed?.attempt ? ['no answer'] : ['no answer', 'cancelled'];
    expect(told).toContain(sign?.error);
  });

  it('by its policy cannot pass by a milder one: the floor is the installation’s', async () => {
    plane.tools.findings = [finding({ severity: 'HIGH' })];
    const policy = { name: 'mild', block_severities: [] };
    const pipeline = await plane.ended(await plane.begin({ policy }));
    expect(pipeline).toMatchObject({ failure_code: 'policy-refused', scan_pass: false });
    expect(pipeline.failure_message).toMatch(/^severity-gate: 1 finding of severity CRITICAL, HIGH \(CVE/);
  });

  it.each([
    ['a full disk, as a tool tells it', () => new PackagingError('out-of-space', 'full')],
    ['a full disk, as the system tells it', () => Object.assign(new Error('x'), { code: 'ENOSPC' })],
    ['what nobody foresaw', () => new TypeError('a secret of ours')],
  ])('for the moment by %s is tried again', async (_what, error) => {
    let failed = false;
    plane.tools.before('signPackage', () => {
      if (failed) return;
      failed = true;
      throw error();
    });
    const pipeline = await plane.ended(await plane.begin());
    expect(pipeline.status).toBe('PASSED');
    expect(pipeline.steps.find(({ step }) => step === 'sign')).toMatchObject({ attempts: 2, error: null });
    // What was built before is not built again.
    expect(plane.tools.runs.filter((step) => step === 'buildPackage')).toHaveLength(1);
    const log = await plane.log(pipeline.id);
    expect(log).toContain('sign: attempt 2\n');
    expect(log).not.toContain('secret');
  });

  it('by SBOM or scan waits for the other one before its workspace goes', async () => {
    const held = holdUp('scan');
    plane.tools.before('makeSbom', () => {
      throw new PackagingError('scan-failed', 'no SBOM');
    });
    const id = await plane.begin();
    await held.reached;
    await eventually(async () => expect(await plane.log(id)).toContain('sbom: failed'));
    expect(existsSync(join(plane.workspaces, id))).toBe(true);
    held.letGo();
    expect(await plane.ended(id)).toMatchObject({ failure_step: 'sbom', failure_code: 'scan-failed' });
    expect(existsSync(join(plane.workspaces, id))).toBe(false);
  });
});

describe('A pipeline that is cancelled', () => {
  it('stops the running tool, cleans its workspace and ends as FAILED', async () => {
    const held = holdUp('buildPackage');
    const id = await plane.begin();
    await held.reached;
    await plane.cancel(id);
    const pipeline = await plane.ended(id);
    expect(held.wasStopped()).toBe(true);
    expect(pipeline).toMatchObject({ status: 'FAILED', failure_code: 'cancelled', failure_step: 'build' });
    expect(existsSync(join(plane.workspaces, id))).toBe(false);
    expect(pipeline.steps.find(({ step }) => step === 'build')?.status).toBe('FAILED');
    expect(await plane.log(id)).toContain('build: stopped\n');
  });
});

describe('A worker that goes', () => {
  it('in the middle of a step leaves it to the next one, and nothing that was done is done again', async () => {
    const held = holdUp('signPackage');
    const id = await plane.begin();
    await held.reached;
    await plane.replaceWorker();
    held.letGo();
    const pipeline = await plane.ended(id);
    expect(pipeline.status).toBe('PASSED');
    expect(plane.tools.runs.filter((step) => step === 'buildPackage')).toHaveLength(1);
    expect(
      await database.pool.query('SELECT 1 FROM evidence_pack WHERE pipeline_id = $1', [id]),
    ).toMatchObject({
      rowCount: 1,
    });
  });

  it('with its disk is replaced: the package is the one that was signed', async () => {
    const held = holdUp('makeSbom');
    const id = await plane.begin();
    await held.reached;
    const signed = (await database.stores.pipelines.row(id))?.signed;
    await plane.loseWorkspaces();
    await plane.replaceWorker();
    held.letGo();
    const pipeline = await plane.ended(id);
    expect(pipeline.output_artifact_hash).toBe(signed?.sha256);
    expect(plane.tools.runs.filter((step) => step === 'signPackage')).toHaveLength(1);
    expect(plane.tools.runs.filter((step) => step === 'buildPackage').length).toBeGreaterThan(1);
  });
});

it('A verification that a worker of before noted, without whom agents may trust, is made again', async () => {
  const id = await plane.begin({}, { tell: false });
  plane.tools.before('signPackage', () =>
    writeFile(join(plane.workspaces, id, 'notes', 'verified'), JSON.stringify({ thumbprint: 'a' })),
  );
  await plane.relay.relayOnce();
  expect(await plane.ended(id)).toMatchObject({ status: 'PASSED' });
  expect(plane.tools.runs).toContain('verifyPackage');
  const { signing_certificate_thumbprint: thumbprint } = (await database.stores.pipelines.row(id)) ?? {};
  const { rows } = await database.pool.query('SELECT material FROM signing_key WHERE thumbprint = $1', [
    thumbprint,
  ]);
  expect(rows).toHaveLength(1);
});

describe('A pipeline that goes on here and not in Temporal', () => {
  it('begins again, while one that runs, one that is young and one that has ended are left alone', async () => {
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    plane.tools.before('signPackage', () => gate);
    const [lost, running, young] = [await plane.begin(), await plane.begin(), await plane.begin()];
    await eventually(async () => {
      const steps = await Promise.all([lost, running, young].map((id) => database.stores.pipelines.find(id)));
      if (steps.some((pipeline) => pipeline?.status !== 'SIGNING')) throw new Error('Not there yet');
    });
    // As after Temporal came back from a backup that does not know it.
    await plane.handle(lost).terminate('lost');
    const minutes = (id: string, ago: number) =>
      database.pool.query(
        `UPDATE packaging_pipeline SET created_at = now() - make_interval(mins => $2) WHERE id = $1`,
        [id, ago],
      );
    for (const id of [lost, running]) await minutes(id, 11);
    const ran = (await plane.handle(running).describe()).runId;
    expect(await plane.maintenance.beginLostPipelinesAgain()).toBe(1);
    plane.tools.before('signPackage', () => undefined);
    go();
    await plane.relay.relayOnce();
    for (const id of [lost, running, young]) expect((await plane.ended(id)).status).toBe('PASSED');
    expect((await plane.handle(running).describe()).runId).toBe(ran);
    // Nothing of it is left to begin.
    await minutes(young, 11);
    expect(await plane.maintenance.beginLostPipelinesAgain()).toBe(0);
    // One whose workflow never was: its word was lost with the outbox.
    const never = await plane.begin({}, { tell: false });
    await database.pool.query('DELETE FROM workflow_outbox');
    await minutes(never, 11);
    expect(await plane.maintenance.beginLostPipelinesAgain()).toBe(1);
    await plane.relay.relayOnce();
    expect((await plane.ended(never)).status).toBe('PASSED');
  });
});

it('many pipelines go side by side, each to its own end', async () => {
  const ids = await Promise.all(Array.from({ length: 12 }, () => plane.begin()));
  while ((await plane.relay.relayOnce()) > 0);
  const ended = await Promise.all(ids.map((id) => plane.ended(id)));
  expect(ended.map(({ status }) => status)).toEqual(ids.map(() => 'PASSED'));
  expect(new Set(ended.map(({ output_artifact_hash }) => output_artifact_hash)).size).toBe(12);
});
