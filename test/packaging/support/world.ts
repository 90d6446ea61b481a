import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePackagingTools } from '../../../cli/engines/packaging-tools.ts';
import type { PackageDescription, PackageFormat } from '../../../contracts/packaging-pipeline/description.ts';
import {
  type BuiltPackage,
  buildPackage,
  DEFAULT_LIMITS,
  ensureDevelopmentKeys,
  readSigningKeys,
  type SigningKeys,
  stageSource,
  type ToolContext,
  type ToolLimits,
  type ToolSettings,
} from '../../../packaging/index.ts';
import { describePackage } from './descriptions.ts';

export const exec = promisify(execFile);

export interface Staged {
  readonly ctx: ToolContext;
  readonly root: string;
}

let toolPath: Promise<string[]> | undefined;

/** Folders with all tools of this machine; a missing one fails the tests. */
export function packagingPath(): Promise<string[]> {
  toolPath ??= ensurePackagingTools(({ state, message }) => {
    if (state === 'start' || state === 'warn') process.stderr.write(`… ${message}\n`);
  }).then(({ path, missing }) => {
    if (missing.length > 0) throw new Error(missing.join('\n'));
    return [...path, ...(process.env['PATH'] ?? '').split(':')];
  });
  return toolPath;
}

export interface ContextChanges {
  readonly limits?: Partial<ToolLimits>;
  readonly settings?: Partial<ToolSettings>;
  readonly signal?: AbortSignal;
}

/** A folder that is gone after the test file, with contexts, sources and keys in it. */
export class PackagingWorld {
  readonly root: string;
  readonly lines: string[] = [];
  #count = 0;

  private constructor(root: string) {
    this.root = root;
  }

  static async open(): Promise<PackagingWorld> {
    return new PackagingWorld(await mkdtemp(join(tmpdir(), 'packaging-')));
  }

  async close(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.root, name);
  }

  async put(name: string, content: string | Buffer, mode = 0o600): Promise<string> {
    const path = this.path(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode });
    return path;
  }

  /** A context with a workspace of its own. */
  async context({ limits, settings, signal }: ContextChanges = {}): Promise<ToolContext> {
    this.#count += 1;
    const workspace = this.path(`ws${this.#count}`);
    await mkdir(workspace, { mode: 0o700 });
    return {
      workspace,
      signal: signal ?? new AbortController().signal,
      log: (line) => this.lines.push(line),
      progress: () => undefined,
      limits: { ...DEFAULT_LIMITS, timeMs: 60_000, ...limits },
      settings: {
        path: await packagingPath(),
        isolation: 'preferred',
        programs: {},
        scan: {
          trivyCache: this.path('trivy'),
          trivyRepository: undefined,
          osvDatabase: this.path('osv'),
          maxDatabaseAgeHours: 24,
          trivyJavaRepository: undefined,
          maxJavaIndexAgeHours: 720,
        },
        timestampUrl: undefined,
        timestampAuthorities: undefined,
        ...settings,
      },
    };
  }

  /** A staged source that names a version of lodash, in a workspace of its own. */
  async staged(lodash: string): Promise<Staged> {
    const ctx = await this.context();
    const { root } = await stageSource(ctx, await this.source(lodash), describePackage('deb'));
    return { ctx, root };
  }

  /** A tar.gz with a small program and a lock file that names a version of lodash. */
  async source(lodash = '4.17.21'): Promise<string> {
    const folder = `source-${lodash}`;
    await this.put(`${folder}/hello-1/bin/hello`, '#!/bin/sh\necho hello\n', 0o755);
    const lock = {
      name: 'hello',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: {
        '': { name: 'hello', version: '1.0.0', dependencies: { lodash } },
        'node_modules/lodash': { version: lodash, license: 'MIT' },
      },
    };
    await this.put(`${folder}/hello-1/lib/package-lock.json`, JSON.stringify(lock));
    await this.put(`${folder}/hello-1/lib/odd [name] $HOME %x.js`, 'odd\n');
    const archive = this.path(`${folder}.tar.gz`);
    await exec('tar', ['-C', this.path(folder), '-czf', archive, 'hello-1']);
    return archive;
  }

  /** Stages and builds; the context's workspace holds the outcome. */
  async build(
    format: PackageFormat,
    changes: object = {},
    context?: ToolContext,
  ): Promise<{ ctx: ToolContext; built: BuiltPackage; description: PackageDescription }> {
    const ctx = context ?? (await this.context());
    const description = describePackage(format, changes);
    const staged = await stageSource(ctx, await this.source(), description);
    return { ctx, built: await buildPackage(ctx, staged, description), description };
  }

  async developmentKeys(): Promise<SigningKeys> {
    return readSigningKeys(await ensureDevelopmentKeys(await this.context(), this.path('data')));
  }
}
