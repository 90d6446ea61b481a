import { mkdir, readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from '../../cli/demo/trivy-database.ts';
import { packagingPolicySchema } from '../../contracts/packaging-pipeline/policy.ts';
import { decidePolicy, makeSbom, scan, stageSource, type ToolContext } from '../../packaging/index.ts';
import { osvFindings, severityOfScore } from '../../packaging/scan/osv.ts';
import { craftZip } from './support/archives.ts';
import { describePackage } from './support/descriptions.ts';
import { PackagingWorld } from './support/world.ts';

let world: PackagingWorld;
let sick: { ctx: ToolContext; root: string };
let sound: { ctx: ToolContext; root: string };

async function staged(lodash: string): Promise<{ ctx: ToolContext; root: string }> {
  const ctx = await world.context();
  const { root } = await stageSource(ctx, await world.source(lodash), describePackage('deb'));
  return { ctx, root };
}

beforeAll(async () => {
  world = await PackagingWorld.open();
  await writeTrivyDatabase(world.path('trivy'), KNOWN_ADVISORIES, new Date());
  sick = await staged('4.17.4');
  sound = await staged('4.17.21');
}, 60_000);
afterAll(() => world.close());

describe('Trivy', () => {
  it('finds a known weakness in what is installed, and the policy stops it', async () => {
    const { findings, report } = await scan(sick.ctx, sick.root, 'trivy');
    expect(findings).toEqual([
      expect.objectContaining({
        id: 'CVE-2019-10744',
        package: 'lodash',
        version: '4.17.4',
        fixed_version: '4.17.12',
        severity: 'CRITICAL',
        path: 'lib/package-lock.json',
        published_at: '2019-07-26T00:15:00.000Z',
      }),
    ]);
    expect(JSON.parse(await readFile(report, 'utf8'))).toMatchObject({ SchemaVersion: 2 });
    const decision = decidePolicy({
      policy: packagingPolicySchema.parse({}),
      findings,
      components: [],
      signature: { thumbprint: '', timestamped: false },
      format: 'deb',
      exceptions: [],
      now: new Date(),
    });
    expect(decision).toMatchObject({ verdict: 'FAILED' });
  });

  it('finds none in the version that was mended', async () => {
    expect((await scan(sound.ctx, sound.root, 'trivy')).findings).toEqual([]);
  });

  it.each([
    ['is missing', undefined, 'missing'],
    ['is too old', 25, 'age'],
    ['is of the future', -48, 'age'],
  ])('gives no answer when its database %s', async (_, ageHours, reason) => {
    const cache = world.path(`trivy-${reason}-${ageHours}`);
    if (ageHours !== undefined)
      await writeTrivyDatabase(cache, KNOWN_ADVISORIES, new Date(Date.now() - ageHours * 3_600_000));
    const { settings } = sick.ctx;
    const ctx = { ...sick.ctx, settings: { ...settings, scan: { ...settings.scan, trivyCache: cache } } };
    await expect(scan(ctx, sick.root, 'trivy')).rejects.toMatchObject({ code: 'scan-database', reason });
  });

  it('goes on with a database that is young enough while its source is away, and not without one', async () => {
    const { settings } = sick.ctx;
    const scanSettings = { ...settings.scan, trivyRepository: '127.0.0.1:9/none', maxDatabaseAgeHours: 24 };
    const aged = world.path('trivy-aged');
    await writeTrivyDatabase(aged, KNOWN_ADVISORIES, new Date(Date.now() - 20 * 3_600_000));
    const withCache = (trivyCache: string) => ({
      ...sick.ctx,
      settings: { ...settings, scan: { ...scanSettings, trivyCache } },
    });
    expect((await scan(withCache(aged), sick.root, 'trivy')).findings).toHaveLength(1);
    await expect(scan(withCache(world.path('trivy-none')), sick.root, 'trivy')).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
    });
  }, 90_000);
});

describe('An SBOM', () => {
  it.each([
    ['cyclonedx', { bomFormat: 'CycloneDX' }],
    ['spdx', { SPDXID: 'SPDXRef-DOCUMENT' }],
  ] as const)('as %s names what is installed', async (format, expected) => {
    const { components, file } = await makeSbom(sick.ctx, sick.root, format);
    expect(components).toEqual([expect.objectContaining({ name: 'lodash', version: '4.17.4' })]);
    const text = await readFile(file, 'utf8');
    expect(JSON.parse(text)).toMatchObject(expected);
    expect(text).not.toContain(world.root);
  });
});

describe('osv-scanner', () => {
  const REPORT = {
    results: [
      {
        source: { path: '/tree/package-lock.json', type: 'lockfile' },
        packages: [
          {
            package: { name: 'lodash', version: '4.17.4', ecosystem: 'npm' },
            vulnerabilities: [
              {
                id: 'GHSA-jf85-cpcp-j695',
                aliases: ['CVE-2019-10744'],
                summary: 'Prototype Pollution in lodash',
                published: '2019-07-10T19:45:23Z',
                database_specific: { severity: 'CRITICAL' },
                affected: [
                  {
                    package: { name: 'lodash', ecosystem: 'npm' },
                    ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '4.17.12' }] }],
                  },
                ],
              },
              { id: 'OSV-1', published: '2020-01-01T00:00:00Z' },
            ],
            groups: [{ ids: ['OSV-1'], max_severity: '7.5' }],
          },
        ],
      },
    ],
  };

  it('tells its findings as Trivy’s are told, under their CVE', () => {
    const [first, second] = osvFindings(REPORT, '/tree');
    expect(first).toMatchObject({
      id: 'CVE-2019-10744',
      aliases: ['GHSA-jf85-cpcp-j695'],
      severity: 'CRITICAL',
      fixed_version: '4.17.12',
      path: 'package-lock.json',
    });
    expect(second).toMatchObject({ id: 'OSV-1', severity: 'HIGH', fixed_version: null });
  });

  it.each([
    [9.8, 'CRITICAL'],
    [7, 'HIGH'],
    [4, 'MEDIUM'],
    [0.1, 'LOW'],
    [Number.NaN, 'UNKNOWN'],
  ])('a score of %s is %s', (score, severity) => {
    expect(severityOfScore(score)).toBe(severity);
  });

  it('gives no answer without its databases, or with old ones', async () => {
    await expect(scan(sick.ctx, sick.root, 'osv-scanner')).rejects.toMatchObject({ reason: 'missing' });
    const archive = await world.put('osv/osv-scalibr/npm/all.zip', craftZip([]));
    const old = new Date(Date.now() - 40 * 3_600_000);
    await utimes(archive, old, old);
    await expect(scan(sick.ctx, sick.root, 'osv-scanner')).rejects.toMatchObject({ reason: 'age' });
    await rm(world.path('osv'), { recursive: true });
  });

  it.each([
    [128, '', 'nothing-scanned'],
    [127, '', 'osv-scanner-failed'],
    [0, 'not json', 'report'],
  ])('an exit code of %s with “%s” is no pass', async (code, text, reason) => {
    await world.put('osv/osv-scalibr/npm/all.zip', craftZip([]));
    const program = await world.put(
      `osv-${code}`,
      `#!/bin/sh\nwhile [ "$1" != --output-file ]; do shift; done\nprintf '%s' '${text}' > "$2"\nexit ${code}\n`,
      0o755,
    );
    const { settings } = sick.ctx;
    const ctx = { ...sick.ctx, settings: { ...settings, programs: { 'osv-scanner': program } } };
    await mkdir(join(ctx.workspace, 'tmp'), { recursive: true });
    await expect(scan(ctx, sick.root, 'osv-scanner')).rejects.toMatchObject({ code: 'scan-failed', reason });
  });
});
