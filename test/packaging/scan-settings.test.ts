import { mkdir, open, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from '../../cli/demo/trivy-database.ts';
import { lookByTrivy, makeSbom, scan, stageSource, type ToolContext } from '../../packaging/index.ts';
import { freshTrivyDatabase } from '../../packaging/scan/database.ts';
import { fetchTrivyStore, WEAKNESSES } from '../../packaging/scan/trivy-stores.ts';
import { sha256OfFile } from '../../packaging/tools/toolbox.ts';
import { eventually } from '../harness/eventually.ts';
import { describePackage } from './support/descriptions.ts';
import { ensureOsvScanner, writeOsvDatabase } from './support/osv-scanner.ts';
import { exec, PackagingWorld } from './support/world.ts';

const HOUR_MS = 3_600_000;
const WEAKNESS = 'CVE-2019-10744';

let world: PackagingWorld;
let ctx: ToolContext;
let root: string;

beforeAll(async () => {
  world = await PackagingWorld.open();
  await writeTrivyDatabase(world.path('trivy'), KNOWN_ADVISORIES, new Date());
});
afterAll(() => world.close());
beforeEach(async () => {
  ctx = await world.context();
  ({ root } = await stageSource(ctx, await world.source('4.17.4'), describePackage('deb')));
});

async function plant(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const withScan = (
  changes: Partial<ToolContext['settings']['scan']>,
  settings: Partial<ToolContext['settings']> = {},
  from: ToolContext = ctx,
): ToolContext => ({
  ...from,
  settings: { ...from.settings, ...settings, scan: { ...from.settings.scan, ...changes } },
});
const ids = async (context: ToolContext, scanner: 'trivy' | 'osv-scanner' = 'trivy') =>
  (await scan(context, root, scanner)).findings.map(({ id }) => id);

describe('A package does not decide how it is looked at', () => {
  // All of them at once, for each would be enough to hide the weakness, and starting Trivy is what takes the time.
  it('by Trivy, whether with files of what is to be ignored or with settings', async () => {
    await plant('.trivyignore', `${WEAKNESS}\n`);
    await plant('.trivyignore.yaml', `vulnerabilities:\n  - id: ${WEAKNESS}\n`);
    const skipped = '  skip-files:\n    - "**/package-lock.json"\n    - "lib/package-lock.json"\n';
    await plant('trivy.yaml', `severity:\n  - LOW\nscan:\n${skipped}pkg:\n  types:\n    - os\n`);
    expect(await ids(ctx)).toEqual([WEAKNESS]);
    expect((await makeSbom(ctx, root, 'spdx')).components).toMatchObject([{ name: 'lodash' }]);
  });

  it.each(['osv-scanner.toml', 'lib/osv-scanner.toml'])(
    'by osv-scanner with %s',
    async (path) => {
      await plant(path, '[[IgnoredVulns]]\nid = "GHSA-jf85-cpcp-j695"\nreason = "none"\n');
      const programs = { 'osv-scanner': await ensureOsvScanner() };
      const osvDatabase = await writeOsvDatabase(world, 'osv-planted');
      expect(await ids(withScan({ osvDatabase }, { programs }), 'osv-scanner')).toEqual([WEAKNESS]);
    },
    600_000,
  );
});

describe('Trivy’s database', () => {
  it('is out of reach of what a package makes of Trivy', async () => {
    const cache = world.path('trivy-shared');
    await writeTrivyDatabase(cache, KNOWN_ADVISORIES, new Date());
    const files = ['trivy.db', 'metadata.json'].map((name) => join(cache, 'db', name));
    const before = await Promise.all(files.map(sha256OfFile));
    const poisoned = await world.put(
      'trivy-poisoned',
      `#!/bin/sh
while [ "$1" != --cache-dir ]; do shift; done
for name in trivy.db metadata.json; do
  echo poison >> "$2/db/$name" || exit 3
  echo poison >> '${cache}/db/'$name
done
exit 7
`,
      0o755,
    );
    const programs = { trivy: poisoned };
    await expect(scan(withScan({ trivyCache: cache }, { programs }), root, 'trivy')).rejects.toThrow(
      /trivy failed \(7\)/,
    );
    expect(await Promise.all(files.map(sha256OfFile))).toEqual(before);
  });

  it('may lie behind a link', async () => {
    await symlink(world.path('trivy'), world.path('trivy-link'));
    expect(await ids(withScan({ trivyCache: world.path('trivy-link') }))).toEqual([WEAKNESS]);
  });

  it('that has grown too old since the tree was looked at is not scanned by', async () => {
    const cache = world.path('trivy-growing-old');
    const at = (hours: number) =>
      writeTrivyDatabase(cache, KNOWN_ADVISORIES, new Date(Date.now() - hours * HOUR_MS));
    await at(1);
    const here = withScan({ trivyCache: cache });
    const looked = await lookByTrivy(here, root);
    const old = { ...looked, database_updated_at: new Date(Date.now() - 25 * HOUR_MS).toISOString() };
    const { database_updated_at } = await scan(here, root, 'trivy', old);
    expect(database_updated_at).toBe(looked.database_updated_at);
    await at(25);
    await expect(scan(here, root, 'trivy', old)).rejects.toMatchObject({
      code: 'scan-database',
      reason: 'age',
    });
  });

  describe('that another worker fetches into the same folder', () => {
    /** A Trivy that writes half of a database, waits, and then the rest, as a slow network would have it. */
    const slowTrivy = async (name: string, age: number, flock?: string) => {
      const folder = world.path(name);
      const cache = join(folder, 'cache');
      await writeTrivyDatabase(cache, KNOWN_ADVISORIES, new Date(Date.now() - 20 * HOUR_MS));
      await writeTrivyDatabase(join(folder, 'made'), KNOWN_ADVISORIES, new Date(Date.now() - age * HOUR_MS));
      const trivy = await world.put(
        `${name}/trivy`,
        `#!/bin/sh
while [ "$1" != --cache-dir ]; do shift; done
mkdir -p "$2/db"
rm -f "$2/db/metadata.json"
head -c 1000 '${folder}/made/db/trivy.db' > "$2/db/trivy.db"
touch '${folder}/half'
until [ -e '${folder}/go-on' ]; do sleep 0.05; done
cp '${folder}/made/db/trivy.db' '${folder}/made/db/metadata.json' "$2/db/"
`,
        0o755,
      );
      const fetching = freshTrivyDatabase(
        withScan(
          { trivyCache: cache, trivyRepository: 'mirror.example/db' },
          { programs: { trivy, bwrap: '/bin/false', ...(flock === undefined ? {} : { flock }) } },
        ),
      );
      fetching.catch(() => undefined);
      await eventually(() => stat(join(folder, 'half')));
      return { cache, fetching, goOn: () => writeFile(join(folder, 'go-on'), '') };
    };

    it('is whole at every moment: the one before, until the new one takes its place', async () => {
      const { cache, fetching, goOn } = await slowTrivy('slow', 1);
      const before = await sha256OfFile(join(cache, 'db', 'trivy.db'));
      // As the other worker sees it, which does not fetch.
      expect(await ids(withScan({ trivyCache: cache }))).toEqual([WEAKNESS]);
      expect(await sha256OfFile(join(cache, 'db', 'trivy.db'))).toBe(before);
      await goOn();
      const now = await fetching;
      expect(Date.now() - now.getTime()).toBeLessThan(2 * HOUR_MS);
      expect(await readdir(cache)).toEqual(['db']);
      expect(await ids(withScan({ trivyCache: cache }))).toEqual([WEAKNESS]);
    });

    it('stays where the other one was quicker, and had a newer one', async () => {
      const { cache, fetching, goOn } = await slowTrivy('quicker', 12);
      await writeTrivyDatabase(cache, KNOWN_ADVISORIES, new Date(Date.now() - HOUR_MS));
      await goOn();
      expect(Date.now() - (await fetching).getTime()).toBeLessThan(2 * HOUR_MS);
    });

    it('is the newer one when two are put in place at the same moment', async () => {
      const cache = world.path('at-once');
      const dated = (age: number) => new Date(Date.now() - age * HOUR_MS);
      await writeTrivyDatabase(cache, KNOWN_ADVISORIES, dated(20));
      const fetched = async (name: string, age: number) => {
        const made = world.path(`at-once-${name}`);
        await writeTrivyDatabase(made, KNOWN_ADVISORIES, dated(age));
        const trivy = await world.put(
          `at-once-${name}/trivy`,
          `#!/bin/sh\nwhile [ "$1" != --cache-dir ]; do shift; done\ncp -r '${made}/db' "$2"\n`,
          0o755,
        );
        const programs = { trivy, bwrap: '/bin/false' };
        return fetchTrivyStore(
          withScan({ trivyCache: cache }, { programs }),
          WEAKNESSES,
          'mirror.example/db',
        );
      };
      // The one that brings the older looks which there is, and is held up in that very moment.
      const metadata = join(cache, 'db', 'metadata.json');
      const present = await readFile(metadata, 'utf8');
      await rm(metadata);
      await exec('mkfifo', [metadata]);
      world.lines.length = 0;
      const older = fetched('older', 12);
      const told = await open(metadata, 'w');
      await rm(metadata);
      await writeFile(metadata, present);
      const newer = fetched('newer', 1);
      const waits = eventually(() => expect(world.lines.join()).toContain('waiting for another worker'));
      await Promise.race([newer, waits]);
      await told.writeFile(present);
      await told.close();
      await Promise.all([older, newer, waits]);
      const { UpdatedAt } = JSON.parse(await readFile(metadata, 'utf8'));
      expect(Date.now() - Date.parse(UpdatedAt)).toBeLessThan(2 * HOUR_MS);
      expect(await readdir(cache)).toEqual(['db']);
    });

    it.each([
      ['gives no answer', '#!/bin/sh\nexit 1\n'],
      ['cannot be started', 'no program'],
    ])('is put in place by another try when what keeps workers apart %s', async (how, program) => {
      const { cache, fetching, goOn } = await slowTrivy(
        how.replaceAll(' ', '-'),
        1,
        await world.put(`flock ${how}`, program, 0o755),
      );
      await goOn();
      // What is there is young enough to go on with.
      expect(Date.now() - (await fetching).getTime()).toBeGreaterThan(19 * HOUR_MS);
      expect(world.lines.at(-1)).toMatch(/could not be fetched: .* could not be locked just now/);
      expect(await readdir(cache)).toEqual(['db']);
    });

    it('is not replaced by a download that brought none', async () => {
      const cache = world.path('nothing-fetched');
      const trivy = await world.put('trivy-nothing', '#!/bin/sh\nexit 0\n', 0o755);
      const fetch = withScan(
        { trivyCache: cache, trivyRepository: 'mirror.example/db' },
        { programs: { trivy } },
      );
      await expect(freshTrivyDatabase(fetch)).rejects.toMatchObject({ code: 'unreachable', retryable: true });
      expect(await readdir(cache)).toEqual([]);
    });

    it('is asked for again after a download that did not end in time, and says of what', async () => {
      const trivy = await world.put('trivy-endless', '#!/bin/sh\nexec sleep 600\n', 0o755);
      const fetch = withScan({ trivyCache: world.path('endless') }, { programs: { trivy } });
      await expect(
        fetchTrivyStore(fetch, { ...WEAKNESSES, downloadMs: 500 }, 'mirror.example/db'),
      ).rejects.toMatchObject({
        code: 'unreachable',
        retryable: true,
        message: expect.stringMatching(
          /^Trivy’s database was not fetched within 0\.5 s from EUCORA_TRIVY_REPOSITORY=mirror\.example\/db/,
        ),
      });
      expect(await readdir(world.path('endless'))).toEqual([]);
    });

    it('is cleaned of what a download left whose worker was killed, and of no other', async () => {
      const { cache, fetching, goOn } = await slowTrivy('left', 1);
      const [abandoned, young] = ['incoming-old', 'incoming-young'].map((name) => join(cache, name));
      for (const folder of [abandoned, young]) await mkdir(folder ?? '');
      await utimes(abandoned ?? '', 0, 0);
      await goOn();
      await fetching;
      // The next download cleans up.
      await writeTrivyDatabase(cache, KNOWN_ADVISORIES, new Date(Date.now() - 20 * HOUR_MS));
      const trivy = await world.put('trivy-away-again', '#!/bin/sh\nexit 1\n', 0o755);
      await freshTrivyDatabase(
        withScan({ trivyCache: cache, trivyRepository: 'mirror.example/db' }, { programs: { trivy } }),
      );
      expect((await readdir(cache)).sort()).toEqual(['db', 'incoming-young']);
    });
  });

  describe('that is being fetched for another step', () => {
    const begin = async (name: string) => {
      const calls = world.path(name);
      await mkdir(calls);
      await writeTrivyDatabase(join(calls, 'made'), KNOWN_ADVISORIES, new Date());
      // The first to come hangs, the others succeed.
      const slow = await world.put(
        `${name}-trivy`,
        `#!/bin/sh
while [ "$1" != --cache-dir ]; do shift; done
if mkdir '${calls}/first' 2>/dev/null; then exec sleep 60; fi
cp -r '${calls}/made/db' "$2/"
`,
        0o755,
      );
      const fetchFor = async (signal: AbortSignal) =>
        freshTrivyDatabase(
          withScan(
            { trivyCache: join(calls, 'cache'), trivyRepository: 'mirror.example/db' },
            // Not in a sandbox, so that it can note that it was called.
            { programs: { trivy: slow, bwrap: '/bin/false' } },
            await world.context({ signal }),
          ),
        );
      const first = new AbortController();
      const firstEnds = fetchFor(first.signal).catch((error: unknown) => error);
      await eventually(() =>
        readFile(join(calls, 'first')).catch((error) => expect(error.code).toBe('EISDIR')),
      );
      return { first, firstEnds, fetchFor };
    };

    it('is fetched by who waits once the other’s step is cancelled', async () => {
      const { first, firstEnds, fetchFor } = await begin('cancelled');
      const second = fetchFor(new AbortController().signal);
      await new Promise((resolve) => setTimeout(resolve, 200));
      first.abort(new Error('cancelled'));
      expect(await second).toBeInstanceOf(Date);
      expect(await firstEnds).toEqual(new Error('cancelled'));
    });

    it('does not keep who waits from being cancelled', async () => {
      const { first, firstEnds, fetchFor } = await begin('waiting');
      const own = new AbortController();
      const second = fetchFor(own.signal);
      await new Promise((resolve) => setTimeout(resolve, 200));
      own.abort(new Error('not me'));
      await expect(second).rejects.toThrow('not me');
      first.abort(new Error('cancelled'));
      await firstEnds;
    });
  });
});

it('What one run of Trivy needed is gone after it', async () => {
  await scan(ctx, root, 'trivy');
  for (const view of ['fs', 'rootfs'])
    await expect(readFile(join(ctx.workspace, `trivy-${view}`))).rejects.toMatchObject({ code: 'ENOENT' });
  await rm(root, { recursive: true });
});
