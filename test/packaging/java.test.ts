import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeTrivyDatabase } from '../../cli/demo/trivy-database.ts';
import { lookByTrivy, makeSbom, scan, stageSource, type ToolContext } from '../../packaging/index.ts';
import { findTool, sha256OfFile } from '../../packaging/tools/toolbox.ts';
import { craftTarGz } from './support/archives.ts';
import { describePackage } from './support/descriptions.ts';
import { LOG4J_CORE, LOG4SHELL, NAMELESS, writeJavaIndex } from './support/java.ts';
import { PackagingWorld } from './support/world.ts';

const HOUR_MS = 3_600_000;

let world: PackagingWorld;
let ctx: ToolContext;
let root: string;

beforeAll(async () => {
  world = await PackagingWorld.open();
  ctx = await world.context();
  const source = await world.put(
    'app.tar.gz',
    craftTarGz([
      { path: 'app/lib/log4j-core-2.14.1.jar', content: LOG4J_CORE },
      { path: 'app/lib/some.jar', content: NAMELESS },
    ]),
  );
  ({ root } = await stageSource(ctx, source, describePackage('deb')));
});
afterAll(() => world.close());

/** A cache with the database, and with an index of so many hours where that is given. */
async function cacheOf(name: string, indexHours?: number): Promise<string> {
  const cache = world.path(name);
  await writeTrivyDatabase(cache, [LOG4SHELL], new Date());
  if (indexHours !== undefined) await writeJavaIndex(cache, new Date(Date.now() - indexHours * HOUR_MS));
  return cache;
}
const withScan = (
  changes: Partial<ToolContext['settings']['scan']>,
  programs: Record<string, string> = {},
): ToolContext => ({
  ...ctx,
  settings: { ...ctx.settings, programs, scan: { ...ctx.settings.scan, ...changes } },
});

it('A Java archive is looked at offline: by what it tells of itself, and by the index', async () => {
  const trivyCache = await cacheOf('known', 1);
  const index = join(trivyCache, 'java-db', 'trivy-java.db');
  const before = await sha256OfFile(index);
  const here = withScan({ trivyCache });
  const reports = await lookByTrivy(here, root);
  const { findings } = await scan(here, root, 'trivy', reports);
  expect(findings).toEqual([
    expect.objectContaining({
      id: 'CVE-2021-44228',
      package: 'org.apache.logging.log4j:log4j-core',
      version: '2.14.1',
      fixed_version: '2.15.0',
      severity: 'CRITICAL',
      path: 'lib/log4j-core-2.14.1.jar',
    }),
  ]);
  expect(await sha256OfFile(index)).toBe(before);
  const purls = [
    'pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1',
    'pkg:maven/org.example/nameless@1.0',
  ];
  for (const format of ['cyclonedx', 'spdx'] as const) {
    const { components, file } = await makeSbom(here, root, format, { reports });
    expect(components.map(({ purl }) => purl?.replace(/\?.*/, '')).sort()).toEqual(purls);
    expect(await readFile(file, 'utf8')).not.toContain(world.root);
  }
});

it.each([
  [
    'is missing',
    undefined,
    'missing',
    /no index by which it could know them.*EUCORA_TRIVY_JAVA_REPOSITORY=default/,
  ],
  [
    'is too old',
    721,
    'age',
    /720 hours old at most \(EUCORA_TRIVY_JAVA_MAX_AGE_HOURS\).*--download-java-db-only/,
  ],
])(
  'Without it, for it %s, nothing is said of the package, but what to do',
  async (_, hours, reason, message) => {
    const trivyCache = await cacheOf(`index-${reason}`, hours);
    await expect(scan(withScan({ trivyCache }), root, 'trivy')).rejects.toMatchObject({
      code: 'scan-database',
      reason,
      retryable: false,
      message: expect.stringMatching(message),
    });
    // Nobody else needs it.
    const other = await world.staged('4.17.21');
    const settings = { ...other.ctx.settings, scan: { ...other.ctx.settings.scan, trivyCache } };
    expect((await scan({ ...other.ctx, settings }, other.root, 'trivy')).findings).toEqual([]);
  },
);

it('The index is fetched from its source where a package needs it, and the database is not', async () => {
  const trivyCache = await cacheOf('fetched');
  await writeJavaIndex(world.path('made'), new Date());
  const calls = world.path('calls');
  const own = await findTool(ctx.settings, 'trivy');
  const trivy = await world.put(
    'fetching-trivy',
    `#!/bin/sh
case "$*" in *--download*) ;; *) exec '${own}' "$@" ;; esac
echo "$*" >> '${calls}'
while [ "$1" != --cache-dir ]; do shift; done
cp -r '${world.path('made')}/java-db' "$2/"
`,
    0o755,
  );
  await writeFile(calls, '');
  const settings = {
    trivyCache,
    trivyRepository: 'mirror.example/db',
    trivyJavaRepository: 'mirror.example/java',
  };
  // Not in a sandbox, so that it can note that it was called.
  const here = withScan(settings, { trivy, bwrap: '/bin/false' });
  expect((await scan(here, root, 'trivy')).findings).toHaveLength(1);
  const said = (await readFile(calls, 'utf8')).trim().split('\n');
  expect(said).toEqual([
    expect.stringContaining('--download-java-db-only --java-db-repository mirror.example/java'),
  ]);
});
