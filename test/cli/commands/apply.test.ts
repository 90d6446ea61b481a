import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FleetPlan, fleetFileSchema } from '../../../contracts/fleet-file/fleet-file.ts';
import { FakePlatform, refuse } from './support/platform.ts';
import { eucora } from './support/session.ts';

let platform: FakePlatform;
const folder = mkdtempSync(join(tmpdir(), 'eucora-apply-'));
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(() => platform.reset());
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true });
});

const FILE = `version: 1
policies:
  - name: strict
    block_severities: [CRITICAL]
rollout_plans:
  - name: standard
    rings:
      - { name: canary, size: { count: 1 } }
      - { name: all, size: { rest: true } }
exceptions:
  - package_name: tool
    cve_ids: [CVE-2026-1]
    reason: is not reachable
    expires_at: 2027-01-01T00:00:00Z
`;
const plan = (changed: number, dry_run = false): FleetPlan => ({
  dry_run,
  changed,
  changes: [
    { kind: 'policy', name: 'strict', action: 'create', fields: [], id: null },
    {
      kind: 'package',
      name: 'tool 1.0 (deb)',
      action: 'update',
      fields: ['description', 'source'],
      id: null,
    },
    { kind: 'rollout_plan', name: 'standard', action: 'unchanged', fields: [], id: null },
  ],
  correlation_id: 'corr',
});

function apply(content: string, rest = '') {
  const path = join(folder, 'fleet.yaml');
  writeFileSync(path, content);
  return eucora(platform, `apply -f ${path}${rest}`);
}

it('shows what would change', async () => {
  platform.on('POST /fleet/apply', { json: plan(2, true) });
  const { code, stdout, stderr } = await apply(FILE, ' --dry-run');
  expect(code).toBe(0);
  expect(stdout).toBe(
    '+ policy strict\n~ package tool 1.0 (deb): description, source\n= rollout plan standard\n2 of 3 would change.\n',
  );
  expect(stderr).toMatch(/To apply it: eucora apply -f/);
  expect(platform.seen[0]?.query).toEqual({ dry_run: 'true' });
  expect(platform.bodies(fleetFileSchema)[0]?.rollout_plans[0]?.rings).toHaveLength(2);
});

it('applies, and says when nothing changes', async () => {
  platform.on('POST /fleet/apply', { json: plan(2) });
  expect((await apply(FILE)).stdout).toMatch(/2 of 3 changed\.\n$/);
  platform.on('POST /fleet/apply', { json: plan(0) });
  const { stdout, stderr } = await apply(FILE);
  expect([stdout.endsWith('Nothing changes.\n'), stderr]).toEqual([true, '']);
  expect((await apply('{"version": 1}', ' --json')).json()).toEqual(plan(0));
});

describe('names the line', () => {
  it.each([
    ['version: 1\npolicies: [\n', /fleet\.yaml:3:1: /],
    ['version: 1\nversion: 1\n', /fleet\.yaml:2:1: Map keys must be unique/],
    ['version: 2\n', /fleet\.yaml:1: version /],
    ['- a\n', /fleet\.yaml:1: the file /],
    [FILE.replace('count: 1', 'count: 0'), /fleet\.yaml:8: rollout_plans\.0\.rings\.0\.size/],
    [
      FILE.replace('reason:', 'reasons:'),
      /fleet\.yaml:11: exceptions\.0\.reason .*\n.*fleet\.yaml:13: exceptions\.0\.reasons is not known here/,
    ],
    [`${FILE}packages:\n  - policy: strict\n`, /fleet\.yaml:16: packages\.0\.source/],
  ])('of what is wrong: %#', async (content, line) => {
    const { code, stderr } = await apply(content);
    expect(stderr).toMatch(line);
    expect([code, platform.seen.length]).toEqual([2, 0]);
  });

  it('of what the platform refuses', async () => {
    const errors = [{ path: 'exceptions.0.expires_at', message: 'must lie at least a minute ahead' }];
    platform.on('POST /fleet/apply', refuse('validation-failed', { errors }));
    const { code, stderr } = await apply(FILE);
    expect(code).toBe(2);
    expect(stderr).toMatch(/fleet\.yaml:14: exceptions\.0\.expires_at must lie at least a minute ahead/);
    platform.on('POST /fleet/apply', refuse('forbidden'));
    expect((await apply(FILE)).code).toBe(1);
  });

  it('and refuses files that would grow beyond all bounds', async () => {
    const layers = ['a', 'b', 'c', 'd', 'e', 'f'].map(
      (name, at, all) =>
        `${name}: &${name} [${Array(12)
          .fill(at === 0 ? '1' : `*${all[at - 1]}`)
          .join(', ')}]`,
    );
    const { code, stderr } = await apply(layers.join('\n'));
    expect([code, stderr]).toEqual([2, expect.stringMatching(/too many aliases/)]);
    expect((await eucora(platform, 'apply -f /no/such/file')).code).toBe(2);
    expect((await eucora(platform, 'apply')).code).toBe(2);
  });
});
