import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

/** What each room may import of the others; `type` allows types alone. docs/architecture.md tells why. */
const ROOMS: Readonly<
  Record<string, { readonly rooms: readonly string[]; readonly typeOnly?: readonly string[] }>
> = {
  contracts: { rooms: [] },
  ai: { rooms: ['contracts'] },
  workflows: { rooms: ['contracts'], typeOnly: ['activities'] },
  activities: { rooms: ['contracts', 'ai', 'packaging', 'db', 'runtime'] },
  workers: { rooms: ['contracts', 'ai', 'packaging', 'activities', 'db', 'runtime'] },
  api: { rooms: ['contracts', 'ai', 'db', 'runtime', 'console', 'evidence'] },
  packaging: { rooms: ['contracts', 'runtime'] },
  // The platform and whoever checks it from outside must come to the same judgement.
  evidence: { rooms: ['contracts'] },
  db: { rooms: ['contracts'] },
  runtime: { rooms: ['contracts'] },
  agent: { rooms: ['contracts'] },
  console: { rooms: ['contracts'] },
  // The demo's light agents make their keys and speak as the real one does; lock files are taken as the agent takes them.
  cli: { rooms: ['contracts', 'agent', 'evidence'] },
  // Runs the platform's built programs and engines, speaks as its agents, prepares and looks at its database.
  // The evidence of packages that it prepares is sealed as the packaging worker does it.
  simulator: { rooms: ['contracts', 'agent', 'cli', 'activities', 'db', 'runtime'] },
};

interface Import {
  readonly file: string;
  readonly from: string;
  readonly typeOnly: boolean;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)) {
    found.push({ file: relative(ROOT, file), from: match[2] ?? '', typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/\bimport\('([^']+)'\)/g)) {
    found.push({ file: relative(ROOT, file), from: match[1] ?? '', typeOnly: false });
  }
  return found;
}

const imports = Object.keys(ROOMS).flatMap((room) => sources(room).flatMap(importsOf));
const roomOf = (path: string): string => path.split('/')[0] ?? '';

/** Room that a relative import leads to; undefined for libraries. */
function target({ file, from }: Import): string | undefined {
  return from.startsWith('.') ? roomOf(relative(ROOT, resolve(ROOT, dirname(file), from))) : undefined;
}

/** A file and all that it runs by its imports. */
function reachedFrom(first: string): Set<string> {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const entry of importsOf(join(ROOT, file))) {
      if (!entry.typeOnly && entry.from.startsWith('.'))
        visit(relative(ROOT, resolve(ROOT, dirname(file), entry.from)));
    }
  };
  visit(first);
  return reached;
}

describe('The rooms of the code base', () => {
  it('has sources to check', () => {
    expect(imports.length).toBeGreaterThan(300);
  });

  it.each(Object.keys(ROOMS))('%s imports only what it may', (room) => {
    const { rooms, typeOnly = [] } = ROOMS[room] ?? { rooms: [] };
    const wrong = imports.filter((entry) => {
      const to = target(entry);
      if (roomOf(entry.file) !== room || to === undefined || to === room || rooms.includes(to)) return false;
      return !(entry.typeOnly && typeOnly.includes(to));
    });
    expect(wrong).toEqual([]);
  });

  it('keeps Node built-ins out of workflows', () => {
    const builtins = new Set(builtinModules);
    const wrong = imports.filter(
      ({ file, from }) => roomOf(file) === 'workflows' && (from.startsWith('node:') || builtins.has(from)),
    );
    expect(wrong).toEqual([]);
  });

  it('keeps zod, and so all parsing, out of workflows', () => {
    const libraries = [...reachedFrom('workflows/index.ts')]
      .flatMap((file) => importsOf(join(ROOT, file)))
      .filter(({ from, typeOnly }) => !typeOnly && !from.startsWith('.'));
    expect([...new Set(libraries.map(({ from }) => from))].sort()).toEqual([
      '@temporalio/common',
      '@temporalio/workflow',
    ]);
  });

  // The bundle runs these modules once for all workflows of a worker (scripts/bundle-workflows.mjs).
  it.each(['workflows/index.ts', 'workflows/simulation/index.ts'])(
    'keeps state out of the modules of %s',
    (index) => {
      const files = [...reachedFrom(index)];
      expect(files.length).toBeGreaterThan(5);
      const kept = /^(?:export )?(?:(?:let|var) |const [^=]*= *new (?:Weak)?(?:Map|Set)\b)/m;
      expect(files.filter((file) => kept.test(readFileSync(join(ROOT, file), 'utf8')))).toEqual([]);
      expect(kept.test('const known = new Map<string, number>();')).toBe(true);
    },
  );

  it('keeps Temporal and Postgres out of the packaging tools', () => {
    const wrong = imports.filter(
      ({ file, from }) => roomOf(file) === 'packaging' && /^(@temporalio\/|pg$|sequelize$)/.test(from),
    );
    expect(wrong).toEqual([]);
  });

  it('has SQL only in db/, in the engine that makes the database, and where the platform is judged from outside', () => {
    const sql = /\b(SELECT\s+[\w*(]|INSERT INTO|DELETE FROM|UPDATE \w+ SET)\b/;
    const wrong = Object.keys(ROOMS)
      // The simulator must not be fooled by the stores that it judges.
      .filter((room) => room !== 'db' && room !== 'simulator')
      .flatMap(sources)
      .filter((file) => sql.test(readFileSync(file, 'utf8').replaceAll("'SELECT 1'", '')))
      .map((file) => relative(ROOT, file));
    expect(wrong).toEqual(['cli/engines/postgres.ts']);
  });

  it('reads process.env only where configuration is parsed', () => {
    const wrong = [
      'contracts',
      'ai',
      'workflows',
      'activities',
      'workers',
      'api',
      'db',
      'runtime',
      'agent',
      'packaging',
      'evidence',
    ]
      .flatMap(sources)
      .filter((file) => !file.endsWith('/main.ts') && /process\.env\b/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(ROOT, file));
    expect(wrong).toEqual([]);
  });

  it('keeps files small: none of product code is longer than 400 lines', () => {
    const long = Object.keys(ROOMS)
      .flatMap(sources)
      .filter((file) => readFileSync(file, 'utf8').split('\n').length > 400)
      .map((file) => relative(ROOT, file));
    expect(long).toEqual([]);
  });
});
