import { packageDescriptionSchema } from '../../contracts/packaging-pipeline/description.ts';
import type { Scanner } from '../../contracts/packaging-pipeline/findings.ts';
import type {
  BuiltPackage,
  PackagingTools,
  Sbom,
  Scan,
  SignedPackage,
  SigningKeys,
  StagedSource,
  ToolReport,
  TrivyReports,
  Verification,
} from '../../packaging/index.ts';
import type { ContentStore } from '../../runtime/content-store/content-store.ts';
import type { Sources } from './source.ts';
import type { StepWork } from './step-runner.ts';

export interface ProductionOptions {
  readonly tools: PackagingTools;
  readonly content: ContentStore;
  readonly sources: Sources;
  /** Read anew for each pipeline, so that keys can be rotated while the worker runs. */
  readonly signingKeys: () => Promise<SigningKeys>;
  readonly scanner: Scanner;
}

/**
 * What is made of a source, part by part. A part that this workspace holds is not made again; one that it does not,
 * because the worker that made it is gone for good, is made from the source as the first time.
 */
export class Production {
  readonly #options: ProductionOptions;
  /** Parts that are being made: SBOM and scan, side by side, must not build the same tree twice. */
  readonly #making = new Map<string, Promise<unknown>>();

  constructor(options: ProductionOptions) {
    this.#options = options;
  }

  staged(work: StepWork): Promise<StagedSource> {
    return this.#part(work, 'staged', async () => {
      const file = await this.#options.sources.file(work);
      return this.#options.tools.stageSource(work.tools, file, description(work));
    });
  }

  built(work: StepWork): Promise<BuiltPackage> {
    return this.#part(work, 'built', async () => {
      const source = await this.staged(work);
      return this.#options.tools.buildPackage(work.tools, source, description(work));
    });
  }

  signed(work: StepWork): Promise<SignedPackage> {
    return this.#part(work, 'signed', async () => {
      const restored = await this.#restored(work);
      if (restored !== undefined) return restored;
      const built = await this.built(work);
      const keys = await this.#options.signingKeys();
      return this.#options.tools.signPackage(work.tools, built, keys, work.pipeline.signing_key);
    });
  }

  async verified(work: StepWork): Promise<Verification> {
    // Workers of before noted nobody whom agents could trust.
    const noted = await work.workspace.noted<Partial<Verification>>('verified');
    if (noted !== undefined && noted.public_key === undefined) await work.workspace.forget('verified');
    return this.#part(work, 'verified', async () => {
      const signed = await this.signed(work);
      return this.#options.tools.verifyPackage(work.tools, signed, await this.#options.signingKeys());
    });
  }

  sbom(work: StepWork): Promise<Sbom> {
    return this.#part(work, 'sbom', async () => {
      const { tree } = await this.built(work);
      const { package_name: name, package_version: version, sbom_format: format } = work.pipeline;
      const reports = await this.#looked(work);
      return this.#options.tools.makeSbom(work.tools, tree, format, { reports, subject: { name, version } });
    });
  }

  scan(work: StepWork): Promise<Scan> {
    return this.#part(work, 'scan', async () => {
      const { tree } = await this.built(work);
      const reports = await this.#looked(work);
      return this.#options.tools.scan(work.tools, tree, this.#options.scanner, reports);
    });
  }

  /** What Trivy wrote of the tree, once for SBOM and scan; undefined where another program scans. */
  async #looked(work: StepWork): Promise<TrivyReports | undefined> {
    if (this.#options.scanner !== 'trivy') return undefined;
    return this.#part(work, 'looked', async () => {
      const { tree } = await this.built(work);
      return this.#options.tools.lookByTrivy(work.tools, tree);
    });
  }

  toolReport(work: StepWork): Promise<ToolReport> {
    return this.#part(work, 'tools', () => this.#options.tools.toolVersions(work.tools));
  }

  /** What was noted, or what is made now and then noted. */
  async #part<T>(work: StepWork, name: string, make: () => Promise<T>): Promise<T> {
    const noted = await work.workspace.noted<T>(name);
    if (noted !== undefined) return noted;
    const key = work.workspace.path(name);
    const others = this.#making.get(key) as Promise<T> | undefined;
    if (others !== undefined) return others;
    const making = make().then(async (made) => {
      await work.workspace.note(name, made);
      return made;
    });
    this.#making.set(key, making);
    try {
      return await making;
    } finally {
      this.#making.delete(key);
    }
  }

  /** The package that another worker signed: signing once more would make another package of it. */
  async #restored(work: StepWork): Promise<SignedPackage | undefined> {
    const { signed, format } = work.pipeline;
    if (signed === null) return undefined;
    const { sha256, name, signature } = signed;
    const file = work.workspace.path(name);
    await this.#options.content.copyTo(sha256, file);
    return { format, file, ...signature };
  }
}

const description = (work: StepWork) => packageDescriptionSchema.parse(work.pipeline.description);
