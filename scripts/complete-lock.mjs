// node scripts/complete-lock.mjs [--check]: a registry mirror may lack packages for other platforms; npm then leaves
// them out of the lockfile, and `npm ci` refuses that everywhere. They are put back with what is known of them: name,
// exact version and platform. Run it after every `npm install` on such a registry.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './prepare.mjs';

const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
  'windows',
  'wasm32',
];
const PROCESSORS = [
  'arm64',
  'arm',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'ppc',
  'riscv64',
  's390x',
  'universal',
  'x64',
  'wasm32',
];

/** What a package for one platform says in its name. */
function platformOf(name) {
  const words = name.split(/[/-]/);
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  const musl = words.some((word) => word.startsWith('musl'));
  const gnu = words.some((word) => word.startsWith('gnu'));
  return {
    ...(cpu === undefined || cpu === 'universal' ? {} : { cpu: [cpu] }),
    ...(os === 'linux' && (musl || gnu) ? { libc: [musl ? 'musl' : 'glibc'] } : {}),
    ...(os === undefined ? {} : { os: [os === 'windows' ? 'win32' : os] }),
  };
}

/** Entries of optional dependencies that the lockfile's packages name but the lockfile does not hold. */
export function missingEntries(packages) {
  const missing = {};
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      const nested = `${path === '' ? '' : `${path}/`}node_modules/${name}`;
      if (packages[nested] !== undefined || packages[`node_modules/${name}`] !== undefined) continue;
      if (!/^\^?\d/.test(range)) continue;
      const version = range.replace(/^\^/, '');
      const dev = entry.dev === true ? { dev: true } : {};
      missing[`node_modules/${name}`] = { version, ...platformOf(name), ...dev, optional: true };
    }
  }
  return missing;
}

const path = join(ROOT, 'package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8'));
const missing = missingEntries(lock.packages);
const names = Object.keys(missing);
if (process.argv.includes('--check')) {
  for (const name of names) console.error(`missing: ${name}`);
  process.exit(names.length === 0 ? 0 : 1);
}
const sorted = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = Object.fromEntries(sorted);
writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(`${names.length} entries were added`);
