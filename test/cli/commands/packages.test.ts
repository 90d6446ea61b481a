import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PolicyException } from '../../../contracts/packaging-pipeline/exception.ts';
import { findingListQuery } from '../../../contracts/packaging-pipeline/findings.ts';
import type { PipelineDetails } from '../../../contracts/packaging-pipeline/pipeline.ts';
import { toPipeline } from '../../../db/stores/packaging-pipeline/records.ts';
import { aFinding } from '../../packaging-pipeline/support/packed.ts';
import { passedRow } from '../../packaging-pipeline/support/rows.ts';
import { debDescription } from '../../packaging-pipeline/support/samples.ts';
import { FakePlatform, pageWith, refuse } from './support/platform.ts';
import { anArtifact } from './support/samples.ts';
import { eucora } from './support/session.ts';

const ID = passedRow().id;
const AT = `/packaging-pipelines/${ID}`;

let platform: FakePlatform;
let folder: string;
beforeAll(async () => {
  platform = await FakePlatform.start();
  folder = mkdtempSync(join(tmpdir(), 'eucora-cli-'));
});
beforeEach(() => platform.reset());
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});

const aPipeline = (changes: Partial<PipelineDetails> = {}): PipelineDetails => ({
  ...toPipeline(passedRow(), [], undefined),
  description: {},
  policy: {},
  steps: [
    {
      step: 'build',
      status: 'DONE',
      attempts: 2,
      started_at: '2026-11-25T00:00:00.000Z',
      ended_at: '2026-11-25T00:00:01.500Z',
      duration_ms: 1_500,
      error: null,
    },
  ],
  ...changes,
});
const failed = {
  status: 'FAILED',
  failure_step: 'policy',
  failure_code: 'policy-refused',
  failure_message: 'CVE-1',
} as const;
const write = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe('eucora packages', () => {
  it('findings lists what was found, and by severity', async () => {
    const finding = { ...aFinding(), fixed_version: null, excused_by: null };
    platform.list(`${AT}/findings`, findingListQuery, pageWith([finding]));
    const { stdout } = await eucora(platform, `packages findings ${ID} --severity critical`);
    expect(platform.seen[0]?.query).toMatchObject({ severity: 'CRITICAL' });
    expect(stdout).toMatch(/^CRITICAL +CVE-2019-10744 +lodash +4\.17\.4 +- +- +Prototype/m);
  });

  it('build uploads a source, sends the description, follows the log and ends by the outcome', async () => {
    const source = write('hello', 'a program');
    const description = write('hello.json', JSON.stringify(debDescription()));
    platform.on('POST /artifacts', { status: 201, json: anArtifact() });
    platform.on('POST /packaging-pipelines', { status: 201, json: aPipeline({ status: 'PENDING' }) });
    platform.sequence(`GET ${AT}/log`, [
      { json: { text: 'build: one\n', next_offset: 11, complete: false } },
      { json: { text: '', next_offset: 11, complete: false } },
      { json: { text: 'build: two\n', next_offset: 22, complete: true } },
    ]);
    platform.on(`GET ${AT}`, { json: aPipeline({ status: 'PASSED' }) });
    const line = ['packages', 'build', '--source', source, '--description', description, '--follow'];
    const said = await eucora(platform, line);
    expect([said.code, said.stderr]).toEqual([0, '']);
    expect(said.stdout).toMatch(/^build: one\nbuild: two\n/);
    expect(said.stdout).toMatch(/^STATUS +PASSED$/m);
    const sent = platform.seen.find(({ path }) => path === '/packaging-pipelines');
    expect(JSON.parse(sent?.body ?? '')).toMatchObject({
      source: { artifact_sha256: createHash('sha256').update('a program').digest('hex') },
      description: { name: 'hello' },
    });
    expect(sent?.headers['idempotency-key']).toBeDefined();
    platform.on(`GET ${AT}/log`, { json: { text: '', next_offset: 0, complete: true } });
    platform.on(`GET ${AT}`, { json: aPipeline(failed) });
    const refusedOne = await eucora(platform, line);
    expect([refusedOne.code, refusedOne.stderr]).toEqual([
      4,
      expect.stringContaining('policy-refused: CVE-1'),
    ]);
  });

  it('build takes a URL with its hash only, and files that are JSON', async () => {
    const description = write('hello.json', JSON.stringify(debDescription()));
    platform.on('POST /packaging-pipelines', { status: 201, json: aPipeline({ status: 'PENDING' }) });
    const build = (...more: string[]) =>
      eucora(platform, ['packages', 'build', '--description', description, ...more]);
    const url = ['--source', 'https://example.org/x.tgz'];
    expect((await build(...url)).code).toBe(2);
    expect((await build(...url, '--sha256', 'f'.repeat(64), '--sbom', 'SPDX')).code).toBe(0);
    const sent = platform.seen.find(({ path }) => path === '/packaging-pipelines');
    expect(JSON.parse(sent?.body ?? '')).toMatchObject({ source: { url: url[1] }, sbom_format: 'spdx' });
    const policy = write('policy.json', 'no json');
    expect((await build(...url, '--sha256', 'f'.repeat(64), '--policy', policy)).stderr).toContain(
      'is no JSON',
    );
  });

  it('list, show, cancel and retry tell what a pipeline is', async () => {
    platform.on('GET /packaging-pipelines', pageWith([aPipeline(failed)]));
    const listed = await eucora(platform, 'packages list --status failed');
    expect(listed.stdout).toMatch(/hello 1\.0\.0 +deb +FAILED +passed/);
    expect(platform.seen[0]?.query).toMatchObject({ status: 'FAILED' });
    platform.on(`GET ${AT}`, { json: aPipeline({ ...failed, scan_pass: false }) });
    const shown = await eucora(platform, `packages show ${ID}`);
    expect(shown.stdout).toMatch(/^FAILURE +policy: policy-refused: CVE-1$/m);
    expect(shown.stdout).toMatch(/^SCAN +0 critical, 0 high$/m);
    expect(shown.stdout).toMatch(/build +DONE +2 +1\.5/);
    platform.on(`POST ${AT}/cancel`, { json: aPipeline() });
    platform.on(`POST ${AT}/retry`, refuse('pipeline-state-conflict'));
    expect((await eucora(platform, `packages cancel ${ID}`)).code).toBe(0);
    expect((await eucora(platform, `packages retry ${ID}`)).code).toBe(1);
  });

  it('show tells why a pipeline is not done yet, what it warns of, and what each rule said', async () => {
    const last_error = { step: 'fetch', attempt: 3, message: 'no answer' } as const;
    const policy_decision = {
      verdict: 'EXCUSED',
      policy: 'default',
      rules: [
        {
          rule: 'severity-gate',
          outcome: 'EXCUSED',
          reason: '1 finding of severity HIGH, all excused',
          findings: ['CVE-1'],
          exceptions: [ID],
        },
      ],
      exception_ids: [ID],
      decided_at: '2026-11-25T00:00:00.000Z',
    } as const;
    const pipeline = {
      ...aPipeline({ status: 'BUILDING', last_error, signing_warnings: ['It ends soon', 'Very soon'] }),
      policy_decision,
    };
    platform.on(`GET ${AT}`, { json: pipeline });
    const { stdout } = await eucora(platform, `packages show ${ID}`);
    expect(stdout).toMatch(/^LAST ERROR +fetch, attempt 3: no answer$/m);
    expect(stdout).toMatch(/^WARNINGS +It ends soon; Very soon$/m);
    expect(stdout).toMatch(/^severity-gate +EXCUSED +1 finding of severity HIGH, all excused +CVE-1$/m);
  });

  it('logs --follow tells what is waited for when nothing is said for long, each thing once', async () => {
    const quiet = { json: { text: '', next_offset: 0, complete: false } };
    const end = { json: { text: 'fetch: done\n', next_offset: 12, complete: true } };
    // Half a second each: three silences, the last two alike.
    platform.sequence(`GET ${AT}/log`, [...Array(65).fill(quiet), end]);
    const waits = (changes: Partial<PipelineDetails>) => ({ json: aPipeline(changes) });
    const failing = {
      status: 'BUILDING',
      last_error: { step: 'fetch', attempt: 2, message: 'no answer' },
    } as const;
    platform.sequence(`GET ${AT}`, [
      waits({ status: 'PENDING' }),
      waits(failing),
      waits(failing),
      waits({ status: 'PASSED' }),
    ]);
    const { code, stderr } = await eucora(platform, `packages logs ${ID} --follow`);
    expect(code).toBe(0);
    expect(stderr.match(/No packaging worker has begun it yet/g)).toHaveLength(1);
    expect(stderr.match(/Not done yet: fetch, attempt 2: no answer/g)).toHaveLength(1);
  });

  it('download keeps the package under its own name if it arrived as it is', async () => {
    const content = 'a package';
    const output_artifact_hash = createHash('sha256').update(content).digest('hex');
    const output = join(folder, 'hello.deb');
    const download = (...more: string[]) => eucora(platform, ['packages', 'download', ID, ...more]);
    platform.on(`GET ${AT}`, { json: aPipeline({ output_artifact_hash }) });
    platform.on(`GET ${AT}/package`, { text: content });
    const done = await download('--output', output);
    expect([done.code, done.stdout]).toEqual([0, `${output_artifact_hash}  ${output}\n`]);
    expect(readFileSync(output, 'utf8')).toBe(content);
    const before = process.cwd();
    process.chdir(folder);
    try {
      rmSync(output);
      const named = aPipeline({ output_artifact_hash, output_artifact_name: '../../hello.deb' });
      platform.on(`GET ${AT}`, { json: named });
      expect((await download()).code).toBe(0);
      expect(readFileSync(output, 'utf8')).toBe(content);
    } finally {
      process.chdir(before);
    }
    rmSync(output);
    // Cut once, then whole.
    platform.sequence(`GET ${AT}/package`, [
      { text: 'a pa', cut: true, headers: { 'content-length': '9' } },
      { text: content },
    ]);
    expect((await download('--output', output)).code).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(content);
    rmSync(output);
    platform.on(`GET ${AT}/package`, { text: 'another one' });
    const other = await download('--output', output);
    expect([other.code, other.stderr]).toEqual([3, expect.stringContaining('did not arrive as it is kept')]);
    platform.on(`GET ${AT}/package`, refuse('not-found'));
    expect((await download('--output', output)).code).toBe(1);
    platform.on(`GET ${AT}/package`, { text: content });
    expect((await download('--output', join(folder, 'nowhere', 'x'))).code).toBe(2);
    expect((await download('--output', folder)).code).toBe(2);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    platform.on(`GET ${AT}`, { json: aPipeline({ output_artifact_hash: null }) });
    expect((await download()).stderr).toContain('has no package yet');
  });

  it('scan gives the scanner’s own report', async () => {
    const report = '{"SchemaVersion":2}';
    const scan_results_hash = createHash('sha256').update(report).digest('hex');
    platform.on(`GET ${AT}`, { json: aPipeline({ scan_results_hash }) });
    platform.on(`GET ${AT}/scan`, { text: report });
    expect((await eucora(platform, `packages scan ${ID}`)).stdout).toBe(report);
  });

  it('sbom writes what arrived whole', async () => {
    const sbom = '{"bomFormat":"CycloneDX"}';
    const sbom_hash = createHash('sha256').update(sbom).digest('hex');
    const output = join(folder, 'sbom.json');
    platform.on(`GET ${AT}/sbom`, { text: sbom });
    platform.on(`GET ${AT}`, { json: aPipeline({ sbom_hash }) });
    expect((await eucora(platform, `packages sbom ${ID}`)).stdout).toBe(sbom);
    expect((await eucora(platform, ['packages', 'sbom', ID, '--output', output])).code).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(sbom);
    platform.on(`GET ${AT}/sbom`, { text: `${sbom} ` });
    expect((await eucora(platform, ['packages', 'sbom', ID, '--output', output])).code).toBe(3);
    platform.on(`GET ${AT}`, { json: aPipeline({ sbom_hash: null }) });
    expect((await eucora(platform, `packages sbom ${ID}`)).code).toBe(2);
  });

  it('logs gives each part as JSON to programs', async () => {
    const part = { text: 'x\n', next_offset: 2, complete: true };
    platform.on(`GET ${AT}/log`, { json: part });
    expect((await eucora(platform, `packages logs ${ID} --json`)).json()).toEqual(part);
  });
});

it('eucora exceptions: request, list, approve, revoke', async () => {
  const exception: PolicyException = {
    id: ID,
    status: 'REQUESTED',
    package_name: 'hello',
    package_version: null,
    cve_ids: ['CVE-1'],
    reason: 'r',
    requested_by: 'ann',
    approver: null,
    approved_at: null,
    expires_at: '2026-12-25T00:00:00.000Z',
    revoked_at: null,
    revoked_by: null,
    created_at: '2026-11-25T00:00:00.000Z',
    correlation_id: 'c',
  };
  platform.on('POST /policy-exceptions', { status: 201, json: exception });
  const asked = await eucora(
    platform,
    'exceptions request --package hello --cve CVE-1 --cve CVE-2 --reason r --expires 7d',
  );
  expect([asked.code, asked.stderr]).toEqual([0, expect.stringContaining('another person')]);
  expect(JSON.parse(platform.seen[0]?.body ?? '')).toMatchObject({
    cve_ids: ['CVE-1', 'CVE-2'],
    expires_in_seconds: 604_800,
  });
  platform.on('GET /policy-exceptions', pageWith([exception]));
  expect((await eucora(platform, 'exceptions list')).stdout).toContain('hello (all versions)');
  platform.on(`POST /policy-exceptions/${ID}/approve`, refuse('four-eyes-required'));
  expect((await eucora(platform, `exceptions approve ${ID}`)).stderr).toContain('Have another person');
  platform.on(`POST /policy-exceptions/${ID}/revoke`, { json: { ...exception, status: 'REVOKED' } });
  expect((await eucora(platform, `exceptions revoke ${ID}`)).stdout).toMatch(/^STATUS +REVOKED$/m);
});

it('eucora evidence list and show', async () => {
  const document = 'signed';
  const sha256 = createHash('sha256').update(document).digest('hex');
  const pack = {
    id: ID,
    sha256,
    pipeline_id: ID,
    deployment_intent_id: null,
    signer_thumbprint: 'f'.repeat(64),
    created_at: '2026-11-25T00:00:00.000Z',
  };
  platform.on('GET /evidence-packs', pageWith([pack]));
  expect((await eucora(platform, `evidence list --pipeline ${ID}`)).stdout).toContain(sha256);
  platform.on(`GET /evidence-packs/${ID}`, { json: pack });
  platform.on(`GET /evidence-packs/${ID}/document`, { text: document });
  const output = join(folder, 'evidence.json');
  expect((await eucora(platform, ['evidence', 'show', ID, '--output', output])).code).toBe(0);
  expect(readFileSync(output, 'utf8')).toBe(document);
  expect((await eucora(platform, ['evidence', 'show', ID, '--output', folder])).code).toBe(2);
});

it('eucora store show and clean', async () => {
  const usage = { objects: 3, bytes: 9, quota_bytes: null, removable_objects: 1, removable_bytes: 2 };
  platform.on('GET /store', { json: usage });
  expect((await eucora(platform, 'store show')).stdout).toMatch(/^QUOTA +none$/m);
  const cleaning = { dry_run: true, objects: 1, bytes: 2, removed: ['f'.repeat(64)], more: true };
  platform.on('POST /store/clean', { json: cleaning });
  const dry = await eucora(platform, 'store clean --dry-run');
  expect([dry.stdout, dry.stderr]).toEqual([
    expect.stringContaining('Would remove 1 objects'),
    expect.stringContaining('clean again'),
  ]);
  expect((await eucora(platform, 'store clean')).code).toBe(2);
  expect((await eucora(platform, 'store clean --yes')).code).toBe(0);
});
