import {
  type PipelineDetails,
  pipelineDetailsSchema,
  pipelineLogSchema,
  troubleInWords,
} from '../../contracts/packaging-pipeline/pipeline.ts';
import type { Api } from '../client/api.ts';
import { CliError } from '../client/errors.ts';
import type { Io } from '../client/io.ts';
import { clean } from '../output/clean.ts';
import type { Printer } from '../output/printer.ts';
import { failureOf } from './package-columns.ts';

const PAUSE_MS = 500;
/** Silence after which it is told what is waited for. */
const SILENCE_MS = 10_000;

/** A build log as it grows; with `--json` one line for each part. */
export class LogView {
  readonly #io: Io;
  readonly #out: Printer;
  #offset = 0;
  #saidAt: number;
  #told = '';

  constructor(io: Io, out: Printer) {
    this.#io = io;
    this.#out = out;
    this.#saidAt = io.now();
  }

  /** Shows what there is beyond what was shown. @returns whether nothing will follow */
  async readAll(api: Api, pipelineId: string): Promise<boolean> {
    for (;;) {
      const query = { offset: this.#offset };
      const part = await api.get(`/packaging-pipelines/${pipelineId}/log`, pipelineLogSchema, query);
      if (part.text === '') return part.complete;
      this.#offset = part.next_offset;
      this.#saidAt = this.#io.now();
      if (this.#out.json) this.#out.answer(part, () => '');
      else this.#io.stdout.write(clean(part.text));
      if (part.complete) return true;
    }
  }

  /** Tells what is waited for once nothing was said for a while, and again when that is something else. */
  async explainSilence(api: Api, pipelineId: string): Promise<void> {
    if (this.#io.now() - this.#saidAt < SILENCE_MS) return;
    this.#saidAt = this.#io.now();
    const pipeline = await api.get(`/packaging-pipelines/${pipelineId}`, pipelineDetailsSchema);
    const waits = waitsFor(pipeline);
    if (waits === undefined || waits === this.#told) return;
    this.#told = waits;
    this.#out.note(waits);
  }
}

function waitsFor({ status, last_error }: PipelineDetails): string | undefined {
  if (status === 'PENDING') return 'No packaging worker has begun it yet; is one running?';
  return last_error === null ? undefined : `Not done yet: ${troubleInWords(last_error)}`;
}

/** Shows the log until the pipeline has ended. @throws CliError `unsuccessful` when it did not pass */
export async function followPipeline(
  io: Io,
  api: Api,
  pipelineId: string,
  view: LogView,
): Promise<PipelineDetails> {
  while (!(await view.readAll(api, pipelineId))) {
    await view.explainSilence(api, pipelineId);
    await io.sleep(PAUSE_MS);
  }
  const pipeline = await api.get(`/packaging-pipelines/${pipelineId}`, pipelineDetailsSchema);
  if (pipeline.status === 'PASSED') return pipeline;
  throw new CliError('unsuccessful', {
    title: `The pipeline ended as ${pipeline.status}`,
    detail: failureOf(pipeline) ?? undefined,
    hint: `eucora packages show ${pipelineId} tells more; eucora packages retry ${pipelineId} begins anew.`,
    correlation_id: pipeline.correlation_id,
  });
}
