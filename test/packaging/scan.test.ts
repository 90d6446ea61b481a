import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from '../../cli/demo/trivy-database.ts';
import { packagingPolicySchema } from '../../contracts/packaging-pipeline/policy.ts';
import { decidePolicy, lookByTrivy, makeSbom, scan, type ToolContext } from '../../packaging/index.ts';
import { renderCycloneDx } from '../../packaging/sbom/cyclonedx.ts';
import { scanDatabaseProblem } from '../../packaging/scan/database.ts';
import { readTrivyReport } from '../../packaging/scan/trivy-reports.ts';
import { PackagingWorld, type Staged } from './support/world.ts';

let world: PackagingWorld;
let sick: Staged;
let sound: Staged;

beforeAll(async () => {
  world = await PackagingWorld.open();
  await writeTrivyDatabase(world.path('trivy'), KNOWN_ADVISORIES, new Date());
  sick = await world.staged('4.17.4');
  sound = await world.staged('4.17.21');
});
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
      floor: [],
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
    await expect(scan(ctx, sick.root, 'trivy')).rejects.toMatchObject({
      code: 'scan-database',
      reason,
      // What to do, word for word.
      message: expect.stringMatching(
        /EUCORA_TRIVY_REPOSITORY=default.*trivy fs --download-db-only.*packages retry/,
      ),
    });
    expect(await scanDatabaseProblem(ctx.settings.scan, 'trivy')).toMatch(/EUCORA_TRIVY_REPOSITORY/);
  });

  it.each([
    [undefined, undefined],
    ['mirror.example/trivy-db', undefined],
  ])(
    'tells before the first scan whether there is something to do: not with a database, nor with a source of its own',
    async (trivyRepository, expected) => {
      const none = { ...sick.ctx.settings.scan, trivyCache: world.path('trivy-nowhere'), trivyRepository };
      const there = { ...none, trivyCache: world.path('trivy') };
      expect(await scanDatabaseProblem(trivyRepository === undefined ? there : none, 'trivy')).toBe(expected);
      expect(await scanDatabaseProblem(none, 'osv-scanner')).toMatch(/EUCORA_OSV_DATABASE_DIR/);
    },
  );

  it('of its own source does not wait for what nobody has said is there, and fetches once for all who ask', async () => {
    const calls = world.path('downloads');
    const away = await world.put(
      'trivy-away',
      `#!/bin/sh\necho "$*" >> '${calls}/log'\necho no network >&2\nexit 1\n`,
      0o755,
    );
    await mkdir(calls, { recursive: true });
    const { settings } = sick.ctx;
    const from = (trivyRepository: string): ToolContext => ({
      ...sick.ctx,
      settings: {
        ...settings,
        // Not in a sandbox, so that it can note that it was called.
        programs: { trivy: away, bwrap: '/bin/false' },
        scan: { ...settings.scan, trivyCache: world.path('trivy-own'), trivyRepository },
      },
    });
    const both = await Promise.allSettled([1, 2].map(() => scan(from('default'), sick.root, 'trivy')));
    expect(both).toEqual(
      [1, 2].map(() =>
        expect.objectContaining({
          reason: expect.objectContaining({ code: 'scan-database', reason: 'missing', retryable: false }),
        }),
      ),
    );
    const [call, ...more] = (await readFile(join(calls, 'log'), 'utf8')).trim().split('\n');
    expect(more).toEqual([]);
    // What lies in the workspace does not say where from.
    expect(call).toContain('--config /dev/null');
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

  it('of the scan’s own reports names what Trivy’s own does, and what is installed without a lock file', async () => {
    const { ctx, root } = await world.staged('4.17.4');
    const put = async (path: string, content: string): Promise<void> => {
      await mkdir(join(root, path, '..'), { recursive: true });
      await writeFile(join(root, path), content);
    };
    const manifest = JSON.stringify({
      name: '@scope/odd name',
      version: '0.0.8',
      license: '(MIT OR BSD-2-Clause)',
    });
    await put(
      'lib/node_modules/minimist/package.json',
      JSON.stringify({ name: 'minimist', version: '0.0.8', license: 'MIT' }),
    );
    await put('lib/node_modules/@scope/odd/package.json', manifest);
    await put('other/node_modules/@scope/odd/package.json', manifest);
    await put(
      'py/Foo_Bar-1.0.dist-info/METADATA',
      'Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\nLicense: Apache-2.0\n',
    );
    const reports = await lookByTrivy(ctx, root);
    const own = await makeSbom(ctx, root, 'cyclonedx');
    const ours = await makeSbom(ctx, root, 'cyclonedx', {
      reports,
      subject: { name: 'hello', version: '1.0.0' },
    });
    expect(ours.components).toEqual(expect.arrayContaining([...own.components]));
    expect(ours.components.map(({ purl, licenses }) => [purl, licenses]).sort()).toEqual([
      ['pkg:npm/%40scope/odd%20name@0.0.8', ['(MIT OR BSD-2-Clause)']],
      ['pkg:npm/lodash@4.17.4', []],
      ['pkg:npm/minimist@0.0.8', ['MIT']],
      ['pkg:pypi/foo-bar@1.0', ['Apache-2.0']],
    ]);
    const text = await readFile(ours.file, 'utf8');
    expect(text).not.toContain(world.root);
    expect(JSON.parse(text)).toMatchObject({
      bomFormat: 'CycloneDX',
      metadata: { component: { name: 'hello', version: '1.0.0' } },
    });
    const problems = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
    expect(problems).toBeNull();
    // The same reports, not looked at once more; the one that is kept has what either view saw.
    const { findings, report } = await scan(ctx, root, 'trivy', reports);
    expect(findings.map(({ id, path }) => [id, path])).toEqual([
      ['CVE-2019-10744', 'lib/package-lock.json'],
      ['CVE-2020-7598', 'lib/node_modules/minimist/package.json'],
    ]);
    const kept = JSON.parse(await readFile(report, 'utf8')) as {
      Results: { Vulnerabilities?: { VulnerabilityID: string }[] }[];
    };
    const ids = kept.Results.flatMap(({ Vulnerabilities }) =>
      (Vulnerabilities ?? []).map(({ VulnerabilityID }) => VulnerabilityID),
    );
    expect(ids).toEqual(['CVE-2019-10744', 'CVE-2020-7598']);
  });

  const result = (changes: object, ...packages: object[]) => ({
    SchemaVersion: 2,
    Results: [
      { Target: 'x', Class: 'lang-pkgs', Type: 'jar', Packages: packages, Vulnerabilities: [], ...changes },
    ],
  });
  const rendered = async (...reports: object[]) => {
    const files = await Promise.all(
      reports.map((report, index) => world.put(`report-${index}.json`, JSON.stringify(report))),
    );
    const [fs = '', rootfs = fs] = files;
    const text = renderCycloneDx([await readTrivyReport(fs), await readTrivyReport(rootfs)], {
      name: 'x',
      version: '1',
    });
    return text === undefined ? undefined : JSON.parse(text);
  };

  it('keeps hashes, dependencies and places', async () => {
    const bom = await rendered(
      result(
        {},
        {
          ID: 'a',
          Name: 'org.example:a',
          Version: '1',
          FilePath: 'a.jar',
          Digest: `sha1:${'0'.repeat(40)}`,
          DependsOn: ['b', 'gone'],
        },
        { ID: 'b', Name: 'org.example:b', Version: '2', FilePath: 'b.jar', Digest: 'odd:1' },
      ),
      result({ Type: 'gobinary', Target: 'usr/bin/tool' }, { Name: 'github.com/a/b', Version: 'v1.0.0' }),
    );
    const [a] = bom.components.filter(({ name }: { name: string }) => name === 'org.example:a');
    expect(a).toMatchObject({
      purl: 'pkg:maven/org.example/a@1',
      hashes: [{ alg: 'SHA-1', content: '0'.repeat(40) }],
      properties: expect.arrayContaining([{ name: 'aquasecurity:trivy:FilePath', value: 'a.jar' }]),
    });
    const needs = (ref: string) =>
      bom.dependencies.find((entry: { ref: string }) => entry.ref === ref)?.dependsOn;
    expect(needs(a['bom-ref'])).toEqual(['pkg:maven/org.example/b@2#odd:1']);
    expect(needs('target:gobinary:usr/bin/tool')).toEqual(['pkg:golang/github.com/a/b@v1.0.0']);
    expect(needs('x@1')).toHaveLength(3);
  });

  it.each([
    ['of a kind that is not known here', { Type: 'something-new' }, {}],
    ['of an operating system', { Type: 'debian', Class: 'os-pkgs' }, {}],
    ['whose names break the rules of package URLs', { Type: 'jar' }, {}],
    ['whose versions do', { Type: 'gobinary' }, { Version: 'v1' }],
  ])('is left to Trivy for packages %s', async (_, kind, more) => {
    expect(await rendered(result(kind, { Name: 'a', Version: '1', ...more }))).toBeUndefined();
  });

  it('takes the package URL that newer builds of Trivy tell', async () => {
    const told = { Name: 'a', Version: '1', Identifier: { PURL: 'pkg:deb/debian/a@1?arch=amd64' } };
    const bom = await rendered(result({ Type: 'debian', Class: 'os-pkgs' }, told));
    expect(bom.components).toContainEqual(expect.objectContaining({ purl: told.Identifier.PURL }));
  });

  it('is not made of a report that is none', async () => {
    const file = await world.put('no-report.json', '{"Results": 1}');
    const reports = { fs: file, rootfs: file, database_updated_at: '' };
    await expect(makeSbom(sick.ctx, sick.root, 'cyclonedx', { reports })).rejects.toMatchObject({
      reason: 'report',
    });
  });
});
