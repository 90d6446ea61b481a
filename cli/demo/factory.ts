import { readFile } from 'node:fs/promises';
import { createdEnrolmentTokenSchema } from '../../contracts/agent/enrolment.ts';
import type { Deployment } from '../../contracts/deployment/deployment.ts';
import type { PipelineDetails } from '../../contracts/packaging-pipeline/pipeline.ts';
import type { Io } from '../client/io.ts';
import * as packaging from './factory-steps.ts';
import { LightAgent } from './light-agent.ts';
import { LODASH } from './program.ts';
import * as rollout from './rollout-steps.ts';
import type { Scene } from './scene.ts';
import { DemoError } from './teller.ts';

const VERSIONS = { weak: '1.0.0', good: '1.0.1', bad: '1.1.0' } as const;
/** Machines beside the reference agent, which belongs to the ring `early`. */
const LIGHT_RINGS = ['canary', 'canary', 'early', 'broad', 'broad', 'broad'] as const;
/** Long enough that two looks at the devices' health fall into it. */
const CANARY_SOAK = { good: 2, bad: 30 } as const;

/** From source to fleet, in steps: packages, evidence, approval, rings, and back. */
export class Factory {
  readonly #scene: Scene;
  readonly #io: Io;
  readonly #run: string;
  readonly #fleet: LightAgent[] = [];
  #approver: string | undefined;
  #package: PipelineDetails | undefined;
  #deployment: Deployment | undefined;

  /** @param run value of the tag `demo` by which the machines of this run are known */
  constructor(scene: Scene, io: Io, run: string) {
    this.#scene = scene;
    this.#io = io;
    this.#run = run;
  }

  /** Its steps in their order; each fails by itself when one that it needs did not succeed. */
  get steps(): readonly (readonly [title: string, work: () => Promise<void>])[] {
    const scene = this.#scene;
    const io = this.#io;
    return [
      [
        'PACKAGE: a version with a dependency that has a known CVE is stopped',
        () => packaging.stoppedByCve(scene, VERSIONS.weak),
      ],
      [
        'PACKAGE: the mended version for Linux, Windows and macOS, built, signed, verified, scanned',
        async () => {
          this.#package = await packaging.packageForAll(scene, VERSIONS.good);
        },
      ],
      [
        'EVIDENCE: verified without the platform; a changed byte shows',
        async () => packaging.verifyEvidence(scene, io, this.#passed()),
      ],
      ['APPROVAL: never by who created it, but by a second operator', () => this.#approve()],
      [
        'ROLLOUT: three rings of machines, the reference agent among them, which installs the signed deb',
        async () => {
          if (this.#deployment === undefined) throw new DemoError('there is no approved deployment');
          const signer = this.#passed().signing_certificate_thumbprint ?? '';
          await rollout.rolledOut(scene, this.#deployment, signer);
        },
      ],
      ['ROLLBACK: a version that makes machines sick is stopped in the first ring', () => this.#goBack()],
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#fleet.map((agent) => agent.stop()));
  }

  #passed(): PipelineDetails {
    if (this.#package === undefined) throw new DemoError('there is no package that passed');
    return this.#package;
  }

  async #approve(): Promise<void> {
    const passed = this.#passed();
    await this.#enrolFleet();
    this.#approver = await rollout.secondOperator(this.#scene);
    const made = await rollout.intend(this.#scene, passed, `demo=${this.#run}`, CANARY_SOAK.good);
    await rollout.approve(this.#scene, this.#io, made, this.#approver);
    this.#deployment = made;
  }

  async #goBack(): Promise<void> {
    const scene = this.#scene;
    const [bad] = await packaging.packageVersion(scene, VERSIONS.bad, LODASH.mended, ['deb']);
    if (bad?.status !== 'PASSED') throw new DemoError(`the package did not pass: ${bad?.failure_message}`);
    const made = await rollout.intend(scene, bad, `demo=${this.#run}`, CANARY_SOAK.bad);
    await rollout.approve(scene, this.#io, made, this.#approver);
    await rollout.stoppedInFirstRing(scene, made, VERSIONS.good);
  }

  async #enrolFleet(): Promise<void> {
    const { api, platform, teller } = this.#scene;
    const { token } = await api.post('/enrolment-tokens', createdEnrolmentTokenSchema, {
      name: `demo fleet ${this.#run}`,
      max_uses: LIGHT_RINGS.length,
      tags: { demo: this.#run },
    });
    const caPem = await readFile(platform.endpoints.ca_certificate, 'utf8');
    for (const [index, ring] of LIGHT_RINGS.entries()) {
      this.#fleet.push(
        await LightAgent.start({
          server: platform.endpoints.agent_api,
          caPem,
          registrationKey: token,
          hostname: `demo-${ring}-${index + 1}`,
          hardwareId: `demo-${this.#run}-${index + 1}`,
          tags: { ring },
          suffersFrom: ({ package_version }) => package_version.startsWith(VERSIONS.bad),
        }),
      );
    }
    teller.fact(`${LIGHT_RINGS.length} virtual agents enrolled and beat, each over its own mutual TLS`);
  }
}
