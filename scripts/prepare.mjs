// Runs before node_modules exist: Node built-ins only.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const OLDEST_NODE = [20, 19];

/** What is built and shipped; the compiler's own list, so that there is only one. */
export function productFolders(root = ROOT) {
  return JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8')).include;
}

/** Why this Node is too old, undefined when it is not. */
export function nodeObjection(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return enough ? undefined : `EUCORA needs Node ${OLDEST_NODE.join('.')} or newer, this is ${version}.`;
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Whether what is installed is what the lockfile asks for: npm leaves its own list in node_modules.
 * Compared by content, so that a checkout that only touches times reinstalls nothing.
 */
export function dependenciesAreCurrent(root = ROOT) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    if (found === undefined)
      return entry.optional === true || entry.devOptional === true || entry.peer === true;
    return found.version === entry.version && existsSync(join(root, path));
  });
}

/** Runs a program with our own terminal; ends us with its status when it fails. */
export function mustRun(file, args, options = {}) {
  const shell = process.platform === 'win32' && file === 'npm';
  const result = spawnSync(file, args, { cwd: ROOT, stdio: 'inherit', shell, ...options });
  if (result.error !== undefined) {
    console.error(`${file} could not be started: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
}

export function ensureDependencies(options = {}) {
  if (dependenciesAreCurrent()) return;
  console.log('… Installing dependencies (npm ci)');
  mustRun('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], options);
}

function* filesIn(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile()) yield path;
  }
}

/** Of everything a build depends on. */
export function sourcesHash(root = ROOT) {
  const hash = createHash('sha256');
  const single = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  const files = [
    ...single.map((name) => join(root, name)).filter((path) => existsSync(path)),
    ...[...productFolders(root), 'scripts'].flatMap((folder) => [...filesIn(join(root, folder))]),
  ];
  for (const file of files) {
    hash.update(file.slice(root.length));
    hash.update('\0');
    hash.update(readFileSync(file));
    hash.update('\0');
  }
  return hash.digest('hex');
}

export const STAMP = '.build-stamp';

export function buildIsCurrent(root = ROOT) {
  try {
    return readFileSync(join(root, 'dist', STAMP), 'utf8') === sourcesHash(root);
  } catch {
    return false;
  }
}

export function ensureBuilt(options = {}) {
  if (buildIsCurrent()) return;
  mustRun(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], options);
}
