import { appendFile, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFileName } from '../../../contracts/packaging-pipeline/description.ts';
import type { Component, Finding } from '../../../contracts/packaging-pipeline/findings.ts';
import type { PackagingTools, ToolContext } from '../../../packaging/index.ts';

export const COMPONENT: Component = { name: 'lodash', version: '4.17.4', purl: null, licenses: ['MIT'] };

export const finding = (changes: Partial<Finding> = {}): Finding => ({
  id: 'CVE-2019-10744',
  aliases: [],
  package: 'lodash',
  version: '4.17.4',
  fixed_version: '4.17.12',
  severity: 'CRITICAL',
  source: 'trivy',
  path: 'package-lock.json',
  title: null,
  published_at: null,
  ...changes,
});

type Step = keyof PackagingTools;
type Hook = (ctx: ToolContext) => Promise<void> | void;

/**
 * Tools that do in a moment what the real ones do, in the same workspace and by the same rules, and that a test can
 * hold up or let fail. For stories of the pipeline; the real tools have tests of their own.
 */
export class SwiftTools implements PackagingTools {
  readonly runs: Step[] = [];
  findings: Finding[] = [];
  readonly #hooks = new Map<Step, Hook>();

  /** Called each time the step is begun, until it is set anew. */
  before(step: Step, hook: Hook): void {
    this.#hooks.set(step, hook);
  }

  readonly stageSource: PackagingTools['stageSource'] = async (ctx, file) => {
    await this.#begin('stageSource', ctx);
    const root = join(ctx.workspace, 'source');
    await mkdir(root, { recursive: true });
    await copyFile(file, join(root, 'content'));
    return { root, kind: 'binary', original: undefined, files: 1, bytes: 1 };
  };

  readonly buildPackage: PackagingTools['buildPackage'] = async (ctx, source, description) => {
    await this.#begin('buildPackage', ctx);
    const [tree, built] = [join(ctx.workspace, 'tree'), join(ctx.workspace, 'built')];
    for (const folder of [tree, built]) await mkdir(folder, { recursive: true });
    const content = await readFile(join(source.root, 'content'));
    const file = join(built, packageFileName(description));
    for (const path of [join(tree, 'content'), file]) await writeFile(path, content);
    ctx.log(`built ${packageFileName(description)}`);
    return { format: description.format, file, tree };
  };

  readonly signPackage: PackagingTools['signPackage'] = async (ctx, built) => {
    await this.#begin('signPackage', ctx);
    const file = `${built.file}.signed`;
    await copyFile(built.file, file);
    // Never the same twice, as with most real signatures.
    await appendFile(file, `\nsigned ${process.hrtime.bigint()}`);
    return { ...SIGNATURE, format: built.format, file, warnings: ['the certificate ends soon'] };
  };

  readonly verifyPackage: PackagingTools['verifyPackage'] = async (ctx) => {
    await this.#begin('verifyPackage', ctx);
    return { ...SIGNATURE, verified_by: ['another tool'], public_key: 'a public key' };
  };

  readonly lookByTrivy: PackagingTools['lookByTrivy'] = async (ctx) => {
    await this.#begin('lookByTrivy', ctx);
    const report = join(ctx.workspace, 'look.json');
    return { fs: report, rootfs: report, database_updated_at: '2026-11-25T00:00:00.000Z' };
  };

  readonly makeSbom: PackagingTools['makeSbom'] = async (ctx, _tree, format) => {
    await this.#begin('makeSbom', ctx);
    const file = join(ctx.workspace, 'sbom.json');
    await writeFile(file, '{"bomFormat":"CycloneDX"}');
    return { format, file, components: [COMPONENT] };
  };

  readonly scan: PackagingTools['scan'] = async (ctx, _tree, scanner) => {
    await this.#begin('scan', ctx);
    const report = join(ctx.workspace, 'scan.json');
    await writeFile(report, '{"Results":[]}');
    return { scanner, report, findings: this.findings, database_updated_at: '2026-11-25T00:00:00.000Z' };
  };

  readonly toolVersions: PackagingTools['toolVersions'] = async () => ({
    tools: [{ name: 'swift', version: '1', sha256: '0'.repeat(64) }],
    isolation: 'none',
  });

  async #begin(step: Step, ctx: ToolContext): Promise<void> {
    this.runs.push(step);
    await this.#hooks.get(step)?.(ctx);
  }
}

const SIGNATURE = {
  thumbprint: 'a'.repeat(64),
  subject: 'CN=Packager',
  expires_at: '2030-01-01T00:00:00.000Z',
  timestamped: false,
};
