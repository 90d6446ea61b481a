import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { z } from 'zod';
import { artifactSchema } from '../../../contracts/artifact/artifact.ts';
import {
  type PipelineDetails,
  pipelineDetailsSchema,
} from '../../../contracts/packaging-pipeline/pipeline.ts';
import { isEnded } from '../../../contracts/packaging-pipeline/steps.ts';
import { type Format, pipelineRequest } from './inputs.ts';

/** Between two looks at a pipeline, in milliseconds. */
const LOOK_MS = 20;

export interface PipelineRun {
  /** From before the request until the API tells that it has passed. */
  readonly ms: number;
  readonly details: PipelineDetails;
}

/** An operator with a source. */
export class PipelineDriver {
  readonly #pool: Pool;
  readonly #token: string;
  readonly #signal: AbortSignal;
  #sha256 = '';
  #patch = 0;

  constructor(base: string, token: string, signal: AbortSignal) {
    this.#pool = new Pool(base, { headersTimeout: 60_000 });
    this.#token = token;
    this.#signal = signal;
  }

  async upload(file: string): Promise<void> {
    const path = '/artifacts?name=eucora-bench.tar.gz';
    const { sha256 } = await this.#call('POST', path, artifactSchema, {
      type: 'application/octet-stream',
      bytes: await readFile(file),
    });
    this.#sha256 = sha256;
  }

  /** Has the source packaged. @throws Error when it does not pass */
  async pipeline(format: Format): Promise<PipelineRun> {
    this.#patch += 1;
    const begun = performance.now();
    const { id } = await this.#call('POST', '/packaging-pipelines', z.looseObject({ id: z.string() }), {
      type: 'application/json',
      bytes: JSON.stringify(pipelineRequest(format, this.#sha256, this.#patch)),
    });
    for (;;) {
      this.#signal.throwIfAborted();
      const details = await this.#call('GET', `/packaging-pipelines/${id}`, pipelineDetailsSchema);
      if (isEnded(details.status)) {
        if (details.status !== 'PASSED')
          throw new Error(`The ${format} pipeline ended ${details.status}: ${details.failure_message}`);
        return { ms: performance.now() - begun, details };
      }
      await delay(LOOK_MS);
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #call<T>(
    method: 'GET' | 'POST',
    path: string,
    schema: z.ZodType<T>,
    body?: { readonly type: string; readonly bytes: Buffer | string },
  ): Promise<T> {
    const response = await this.#pool.request({
      method,
      path: `/api/v1${path}`,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': body.type }),
      },
      body: body?.bytes ?? null,
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${path}: ${response.statusCode} ${text}`);
    return schema.parse(JSON.parse(text));
  }
}
