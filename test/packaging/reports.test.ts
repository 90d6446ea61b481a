import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from '../../cli/demo/trivy-database.ts';
import type { SbomFormat } from '../../contracts/packaging-pipeline/steps.ts';
import { makeSbom, scan, type ToolContext, type TrivyReports } from '../../packaging/index.ts';
import { deniedBy, holds } from '../../packaging/policy/licenses.ts';
import { freshTrivyDatabase, osvDatabaseDate } from '../../packaging/scan/database.ts';
import { osvFindings } from '../../packaging/scan/osv.ts';
import { trivyStoreDate, WEAKNESSES } from '../../packaging/scan/trivy-stores.ts';
import { PackagingWorld } from './support/world.ts';

/** What scanners say, in every form that they may say it. */

let world: PackagingWorld;
let ctx: ToolContext;
let count = 0;
beforeAll(async () => {
  world = await PackagingWorld.open();
  ctx = await world.context();
});
afterAll(() => world.close());

/** Reports of Trivy’s with these results. */
async function reportsOf(...results: readonly object[]): Promise<TrivyReports> {
  count += 1;
  const put = (name: string, content: object) => world.put(`${count}-${name}.json`, JSON.stringify(content));
  return {
    fs: await put('fs', { SchemaVersion: 2, Results: results }),
    // As Trivy writes it of a tree in which it saw nothing.
    rootfs: await put('rootfs', { SchemaVersion: 2 }),
    database_updated_at: new Date().toISOString(),
  };
}
const LOOSE = { Target: 'Node.js', Class: 'lang-pkgs', Type: 'node-pkg' };

describe('An SBOM of the scan’s own reports', () => {
  const componentsOf = async (...results: readonly object[]) =>
    (await makeSbom(ctx, '/', 'cyclonedx', { reports: await reportsOf(...results) })).components;

  it('names each license once, however it is written, and none where none is', async () => {
    const Licenses = ['mit', 'MIT', 'The license of ours', 'The license of ours'];
    expect(
      await componentsOf({ ...LOOSE, Packages: [{ Name: 'a', Version: '1', Licenses }, { Name: 'b' }] }),
    ).toEqual([
      { name: 'a', version: '1', purl: 'pkg:npm/a@1', licenses: ['The license of ours', 'MIT'] },
      { name: 'b', version: '', purl: 'pkg:npm/b', licenses: [] },
    ]);
  });

  it('is empty where nothing was found', async () => {
    expect(await componentsOf(LOOSE)).toEqual([]);
  });
});

describe('An SBOM of Trivy’s', () => {
  it('as SPDX tells the licenses that its packages declare', async () => {
    const tree = join(ctx.workspace, 'tree');
    const modules = join(tree, 'node_modules/lodash');
    await mkdir(modules, { recursive: true });
    await writeFile(join(modules, 'package.json'), '{"name":"lodash","version":"4.17.21","license":"MIT"}');
    const lock = {
      lockfileVersion: 3,
      packages: { 'node_modules/lodash': { version: '4.17.21' }, 'node_modules/other': { version: '1.0.0' } },
    };
    await writeFile(join(tree, 'package-lock.json'), JSON.stringify(lock));
    expect((await makeSbom(ctx, tree, 'spdx')).components).toEqual(
      expect.arrayContaining([
        { name: 'lodash', version: '4.17.21', purl: 'pkg:npm/lodash@4.17.21', licenses: ['MIT'] },
        { name: 'other', version: '1.0.0', purl: 'pkg:npm/other@1.0.0', licenses: [] },
      ]),
    );
  });

  /** Another build of Trivy, which writes this document. */
  async function writing(document: string): Promise<ToolContext> {
    count += 1;
    const program = `#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\ncat > "$2" <<'END'\n${document}\nEND\n`;
    const trivy = await world.put(`trivy-${count}`, program, 0o755);
    return { ...ctx, settings: { ...ctx.settings, programs: { trivy } } };
  }

  it.each<[SbomFormat, object, object[]]>([
    [
      'cyclonedx',
      {
        bomFormat: 'CycloneDX',
        components: [
          { name: 'lock file' },
          { name: 'a', purl: 'pkg:npm/a', licenses: [{ expression: 'MIT OR ISC' }, { license: {} }] },
          { name: 'b', version: '2', purl: 'pkg:npm/b@2', licenses: [{ license: { id: 'MIT' } }] },
        ],
      },
      [
        { name: 'a', version: '', purl: 'pkg:npm/a', licenses: ['MIT OR ISC'] },
        { name: 'b', version: '2', purl: 'pkg:npm/b@2', licenses: ['MIT'] },
      ],
    ],
    [
      'spdx',
      {
        spdxVersion: 'SPDX-2.3',
        packages: [
          { name: 'the tree itself' },
          {
            name: 'a',
            licenseDeclared: 'NONE',
            externalRefs: [
              { referenceType: 'cpe23Type', referenceLocator: 'cpe' },
              { referenceType: 'purl', referenceLocator: 'pkg:npm/a' },
            ],
          },
        ],
      },
      [{ name: 'a', version: '', purl: 'pkg:npm/a', licenses: [] }],
    ],
  ])('as %s of another build is read as well', async (format, document, expected) => {
    const other = await writing(JSON.stringify(document));
    expect((await makeSbom(other, ctx.workspace, format)).components).toEqual(expected);
  });

  it.each([
    ['is none', 'cyclonedx', '{"bomFormat":"SPDX"}'],
    ['is none', 'spdx', '{}'],
    ['breaks off', 'spdx', '{"spdxVersion":'],
  ] as const)('that %s (%s) is no answer', async (_, format, document) => {
    await expect(makeSbom(await writing(document), ctx.workspace, format)).rejects.toMatchObject({
      code: 'scan-failed',
      reason: 'report',
      message: 'The SBOM that Trivy made is not understood',
    });
  });
});

describe('A finding', () => {
  it('of Trivy’s that says no more than that it is there is one nevertheless', async () => {
    const found = { VulnerabilityID: 'CVE-1', PkgName: 'a', InstalledVersion: '1' };
    const full = {
      ...found,
      VulnerabilityID: 'CVE-2',
      Severity: 'LOW',
      FixedVersion: '',
      PublishedDate: 'some day',
      DataSource: { Name: 'Source' },
    };
    const reports = await reportsOf({ ...LOOSE, Vulnerabilities: [found, full] });
    const bare = { aliases: [], package: 'a', version: '1', fixed_version: null, path: 'Node.js' };
    const { findings, report } = await scan(ctx, '/', 'trivy', reports);
    expect(findings).toEqual([
      { ...bare, id: 'CVE-1', severity: 'UNKNOWN', source: 'trivy', title: null, published_at: null },
      { ...bare, id: 'CVE-2', severity: 'LOW', source: 'trivy: Source', title: null, published_at: null },
    ]);
    expect(JSON.parse(await readFile(report, 'utf8'))).toMatchObject({ Results: [{ Target: 'Node.js' }] });
    const nothing = { ...reports, fs: reports.rootfs };
    expect((await scan(ctx, '/', 'trivy', nothing)).findings).toEqual([]);
  });

  it('of osv-scanner’s, too, also of what lies outside of the tree', () => {
    const report = {
      results: [
        {
          source: { path: '/elsewhere/lock' },
          packages: [
            {
              package: { name: 'a', version: '1', ecosystem: 'npm' },
              vulnerabilities: [{ id: 'OSV-1', published: 'some day', database_specific: { severity: 7 } }],
            },
          ],
        },
        { source: { path: '/tree/none' } },
      ],
    };
    expect(osvFindings(report, '/tree')).toEqual([
      expect.objectContaining({
        id: 'OSV-1',
        severity: 'UNKNOWN',
        fixed_version: null,
        path: '/elsewhere/lock',
        title: null,
        published_at: null,
      }),
    ]);
  });
});

describe('A database', () => {
  it('that another step has fetched meanwhile is not fetched once more', async () => {
    await writeTrivyDatabase(world.path('made'), KNOWN_ADVISORIES, new Date());
    const log = await world.put('fetched', '');
    const program = `#!/bin/sh\necho fetched >> '${log}'\nwhile [ "$1" != --cache-dir ]; do shift; done\ncp -r '${world.path('made')}/db' "$2/"\n`;
    const trivy = await world.put('fetching-trivy', program, 0o755);
    const { settings } = ctx;
    const source = { trivyCache: world.path('shared'), trivyRepository: 'mirror.example/db' };
    // Not in a sandbox, so that it can note that it was called.
    const programs = { trivy, bwrap: '/bin/false' };
    const own = { ...ctx, settings: { ...settings, programs, scan: { ...settings.scan, ...source } } };
    const [one, other] = await Promise.all([freshTrivyDatabase(own), freshTrivyDatabase(own)]);
    expect(one).toEqual(other);
    expect(await readFile(log, 'utf8')).toBe('fetched\n');
  });

  it('of Trivy’s that does not say of when it is, or holds nothing, is none', async () => {
    const cache = world.path('trivy-odd');
    const put = (name: string, content: string) => world.put(`trivy-odd/db/${name}`, content);
    expect(await trivyStoreDate(cache, WEAKNESSES)).toBeUndefined();
    await put('trivy.db', 'x');
    expect(await trivyStoreDate(cache, WEAKNESSES)).toBeUndefined();
    for (const metadata of ['{', '{}', '{"UpdatedAt":"some day"}']) {
      await put('metadata.json', metadata);
      expect(await trivyStoreDate(cache, WEAKNESSES)).toBeUndefined();
    }
    await put('metadata.json', '{"UpdatedAt":"2026-01-01T00:00:00Z"}');
    expect(await trivyStoreDate(cache, WEAKNESSES)).toEqual(new Date('2026-01-01T00:00:00Z'));
    await put('trivy.db', '');
    expect(await trivyStoreDate(cache, WEAKNESSES)).toBeUndefined();
  });

  it('of Trivy’s that cannot be read makes the scan fail, and may be readable on the next try', async () => {
    const trivyCache = world.path('trivy-folder');
    await writeTrivyDatabase(trivyCache, KNOWN_ADVISORIES, new Date());
    const { settings } = ctx;
    const own = { ...ctx, settings: { ...settings, scan: { ...settings.scan, trivyCache } } };
    await replaceByFolder(join(trivyCache, 'db/trivy.db'));
    const failure: unknown = await scan(own, ctx.workspace, 'trivy').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: expect.stringMatching(/^E[A-Z_]+$/) });
  });

  async function replaceByFolder(path: string): Promise<void> {
    await rm(path);
    await mkdir(join(path, 'inside'), { recursive: true });
  }

  it('of osv-scanner’s is as old as the oldest of its parts, and a folder without one does not count', async () => {
    await mkdir(world.path('osv/osv-scalibr/empty'), { recursive: true });
    expect(await osvDatabaseDate(world.path('osv'))).toBeUndefined();
    const [older, newer] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-02-01T00:00:00Z')];
    for (const [name, date] of [
      ['npm', newer],
      ['pypi', older],
      ['go', newer],
    ] as const)
      await utimes(await world.put(`osv/osv-scalibr/${name}/all.zip`, 'x'), date, date);
    expect(await osvDatabaseDate(world.path('osv'))).toEqual(older);
  });
});

describe('Licenses', () => {
  it.each([
    ['', false],
    ['MIT AND', false],
    ['(MIT', true],
    ['MIT ) ISC', false],
  ])('of the broken expression “%s” hold: %s', (expression, expected) => {
    expect(holds(expression, (license) => license === 'MIT')).toBe(expected);
  });

  it.each<[string[], string[] | undefined, string | undefined]>([
    [[], undefined, undefined],
    [[], ['MIT'], 'names no license'],
    [['MIT'], ['MIT'], undefined],
    [['ISC'], ['MIT', 'BSD-*'], 'ISC'],
    [['MIT', 'BSD-3-Clause'], ['MIT', 'bsd-*'], undefined],
  ])('%j with %j allowed: %s', (licenses, allowed_licenses, expected) => {
    expect(deniedBy(licenses, { denied_licenses: [], allowed_licenses })).toBe(expected);
  });
});
