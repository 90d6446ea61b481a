import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Software, TelemetrySample } from '../../contracts/telemetry/telemetry.ts';
import { readJson, writeJson } from '../storage/files.ts';
import type { Tools } from '../system/tools.ts';
import type { ResourceMeter } from './resources.ts';
import { serviceHealth } from './services.ts';
import { installedSoftware } from './software.ts';

/** What was told last of the installed software, so that the long list travels only when it changed. */
const toldSchema = z.object({ agent_id: z.string(), software_sha256: z.string(), at: z.iso.datetime() });

const DAY_MS = 86_400_000;

export interface SamplerOptions {
  readonly tools: Tools;
  readonly meter: ResourceMeter;
  /** File of what was told last. */
  readonly toldFile: string;
  readonly agentId: () => string;
  /** Largest body that the platform takes. */
  readonly maxBytes: () => number;
  readonly now?: () => number;
}

/** Takes telemetry samples of this machine. */
export class Sampler {
  readonly #options: SamplerOptions;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  software(): Promise<Software[]> {
    return installedSoftware(this.#options.tools);
  }

  /** Resources and services as they are now. */
  async resources(): Promise<Omit<TelemetrySample, 'collected_at'>> {
    const [resources, services] = await Promise.all([
      this.#options.meter.measure(),
      serviceHealth(this.#options.tools),
    ]);
    return { ...resources, ...(services.length > 0 ? { services } : {}) };
  }

  /**
   * A whole sample; the software list is in it when it has changed or a day has passed. `kept` is to be called
   * once the sample is safe.
   */
  async sample(): Promise<{ readonly sample: TelemetrySample; readonly kept: () => Promise<void> }> {
    const now = this.#options.now?.() ?? Date.now();
    const sample: TelemetrySample = {
      collected_at: new Date(now).toISOString(),
      ...(await this.resources()),
    };
    const software = await this.software();
    const hash = createHash('sha256').update(JSON.stringify(software)).digest('hex');
    const told = await readJson(this.#options.toldFile, toldSchema);
    const agentId = this.#options.agentId();
    if (
      told.found === 'yes' &&
      told.value.agent_id === agentId &&
      told.value.software_sha256 === hash &&
      Math.abs(now - Date.parse(told.value.at)) < DAY_MS
    ) {
      return { sample, kept: async () => undefined };
    }
    return {
      sample: { ...sample, installed_software: this.#fitting(software) },
      kept: () =>
        writeJson(this.#options.toldFile, {
          agent_id: agentId,
          software_sha256: hash,
          at: sample.collected_at,
        }),
    };
  }

  /** As much of the list as fits a body; a sample that is too large would be refused whole. */
  #fitting(software: readonly Software[]): Software[] {
    let room = this.#options.maxBytes() * 0.8;
    const end = software.findIndex((item) => {
      room -= Buffer.byteLength(JSON.stringify(item)) + 1;
      return room < 0;
    });
    return end < 0 ? [...software] : software.slice(0, end);
  }
}
