import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scan, type ToolContext } from '../../packaging/index.ts';
import { osvFindings, severityOfScore } from '../../packaging/scan/osv.ts';
import { craftZip } from './support/archives.ts';
import { ensureOsvScanner, writeOsvDatabase } from './support/osv-scanner.ts';
import { PackagingWorld, type Staged } from './support/world.ts';

let world: PackagingWorld;
let sick: Staged;
let sound: Staged;

beforeAll(async () => {
  world = await PackagingWorld.open();
  sick = await world.staged('4.17.4');
  sound = await world.staged('4.17.21');
});
afterAll(() => world.close());

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

  describe('itself', () => {
    const by = async ({ ctx }: { ctx: ToolContext }): Promise<ToolContext> => {
      const osvDatabase = await writeOsvDatabase(world, 'osv-real');
      const programs = { 'osv-scanner': await ensureOsvScanner() };
      return { ...ctx, settings: { ...ctx.settings, programs, scan: { ...ctx.settings.scan, osvDatabase } } };
    };

    it('finds the weakness that its database knows, offline, and none in the version that was mended', async () => {
      const { findings, report } = await scan(await by(sick), sick.root, 'osv-scanner');
      expect(findings).toEqual([
        {
          id: 'CVE-2019-10744',
          aliases: ['GHSA-jf85-cpcp-j695'],
          package: 'lodash',
          version: '4.17.4',
          fixed_version: '4.17.12',
          severity: 'CRITICAL',
          source: 'osv-scanner: npm',
          path: 'lib/package-lock.json',
          title: 'Prototype Pollution in lodash',
          published_at: '2019-07-10T19:45:23.000Z',
        },
      ]);
      expect(JSON.parse(await readFile(report, 'utf8'))).toHaveProperty('results');
      expect((await scan(await by(sound), sound.root, 'osv-scanner')).findings).toEqual([]);
    }, 600_000);

    it('does not vouch for what it cannot look at', async () => {
      const empty = join(sick.ctx.workspace, 'nothing-to-see');
      await mkdir(empty, { recursive: true });
      await writeFile(join(empty, 'program'), 'no lock file');
      await expect(scan(await by(sick), empty, 'osv-scanner')).rejects.toMatchObject({
        code: 'scan-failed',
        reason: 'nothing-scanned',
      });
    }, 600_000);
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
    await expect(scan(ctx, sick.root, 'osv-scanner')).rejects.toMatchObject({ code: 'scan-failed', reason });
  });
});
