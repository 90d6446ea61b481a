import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentTaskWord } from '../../contracts/agent-task/states.ts';
import { type Logger, messageOf } from '../log.ts';
import { quarantine, readJson, writeAtomic } from '../storage/files.ts';
import type { Troubles } from '../troubles.ts';
import { type Entry, fileName, type OutboxRecord, outboxRecordSchema, parseFileName } from './records.ts';

export interface OutboxOptions {
  readonly directory: string;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/**
 * What waits for the platform, durable and in order: one file a record, its number first in the name. Bounded:
 * when too much waits, the oldest telemetry goes first, then reports, then progress; start, complete and fail
 * are never dropped.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #entries: Entry[] = [];
  /** Records that the disk did not take; they live as long as the process. */
  readonly #unwritten = new Map<number, OutboxRecord>();
  readonly #writing = new Map<number, Promise<void>>();
  #bytes = 0;
  #sequence = 0;
  /** Told of every record that is gone, delivered or not. */
  onForgotten: (sequence: number) => void = () => undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Finds what an earlier process left. */
  async load(): Promise<void> {
    const { directory } = this.#options;
    const entries: Entry[] = [];
    for (const name of await readdir(directory)) {
      if (name.endsWith('.tmp')) {
        await rm(join(directory, name), { force: true });
        continue;
      }
      const entry = parseFileName(name, (await stat(join(directory, name))).size);
      if (entry !== undefined) entries.push(entry);
    }
    this.#entries = entries.sort((a, b) => a.sequence - b.sequence);
    this.#bytes = entries.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#sequence = this.#entries.at(-1)?.sequence ?? 0;
  }

  /** Keeps a record, behind those before it; `stored` resolves when it is on disk, or the disk refused it. */
  add(record: OutboxRecord): { readonly sequence: number; readonly stored: Promise<void> } {
    const content = JSON.stringify(record);
    this.#sequence += 1;
    const entry: Entry = {
      sequence: this.#sequence,
      kind: record.kind,
      bytes: Buffer.byteLength(content),
      taskId: record.kind === 'word' ? record.task_id : undefined,
      word: record.kind === 'word' ? record.word : undefined,
    };
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    this.#unwritten.set(entry.sequence, record);
    const written = this.#write(entry, content).finally(() => this.#writing.delete(entry.sequence));
    this.#writing.set(entry.sequence, written);
    return { sequence: entry.sequence, stored: written.then(() => this.#bound()) };
  }

  async #write(entry: Entry, content: string): Promise<void> {
    try {
      await writeAtomic(this.#path(entry), content);
      this.#unwritten.delete(entry.sequence);
      this.#options.troubles.clear('queue');
    } catch (error) {
      this.#options.troubles.report('queue', `a record could not be written: ${messageOf(error)}`);
      this.#options.log.error('A record could not be written to the queue', { kind: entry.kind, error });
    }
  }

  /** The oldest entries of these kinds. */
  oldest(kinds: readonly Entry['kind'][], limit: number): Entry[] {
    const found: Entry[] = [];
    for (const entry of this.#entries) {
      if (found.length >= limit) break;
      if (kinds.includes(entry.kind)) found.push(entry);
    }
    return found;
  }

  /** The record of an entry; undefined (and forgotten) when its file is gone or broken. */
  async read(entry: Entry): Promise<OutboxRecord | undefined> {
    await this.#writing.get(entry.sequence);
    const unwritten = this.#unwritten.get(entry.sequence);
    if (unwritten !== undefined) return unwritten;
    const read = await readJson(this.#path(entry), outboxRecordSchema);
    if (read.found === 'yes') return read.value;
    if (read.found === 'corrupt') {
      this.#options.log.error('A record of the queue is broken and put aside', { file: fileName(entry) });
      this.#options.troubles.report('queue', `a broken record was put aside: ${fileName(entry)}`);
      await quarantine(this.#path(entry));
    }
    this.#forget(entry);
    return undefined;
  }

  /** Forgets a record. One that the disk keeps is sent again after the next start. */
  async remove(entry: Entry): Promise<void> {
    this.#forget(entry);
    // Else a write that is under way would bring the file back.
    await this.#writing.get(entry.sequence);
    try {
      await rm(this.#path(entry), { force: true });
    } catch (error) {
      this.#options.troubles.report('queue', `a record could not be removed: ${messageOf(error)}`);
      this.#options.log.error('A record could not be removed from the queue', { kind: entry.kind, error });
    }
  }

  /** Whether a word on the task waits; of any kind when `word` is left out. */
  hasWord(taskId: string, word?: AgentTaskWord): boolean {
    return this.#entries.some(
      (entry) => entry.taskId === taskId && (word === undefined || entry.word === word),
    );
  }

  /** Drops the words on a task that `chosen` picks, for example progress that newer progress replaces. */
  async dropWords(taskId: string, chosen: (entry: Entry) => boolean = () => true): Promise<void> {
    for (const entry of this.#entries.filter((other) => other.taskId === taskId && chosen(other))) {
      await this.remove(entry);
    }
  }

  /**
   * Drops everything: at once from memory, so that nothing of it is sent even if the disk fails, which is thrown.
   * Resolves only when nothing of it is on the disk any more, also of what that did not let go before.
   */
  async clear(): Promise<void> {
    const { directory } = this.#options;
    for (const entry of [...this.#entries]) this.#forget(entry);
    await Promise.all(this.#writing.values());
    for (const name of await readdir(directory)) {
      const left = parseFileName(name, 0);
      if (left === undefined || this.#entries.some(({ sequence }) => sequence === left.sequence)) continue;
      await rm(join(directory, name), { force: true });
    }
  }

  /** How many wait, by kind, and how large they are together. */
  get counters(): { words: number; telemetry: number; deployments: number; bytes: number } {
    const count = (kind: Entry['kind']) => this.#entries.filter((entry) => entry.kind === kind).length;
    return {
      words: count('word'),
      telemetry: count('telemetry'),
      deployments: count('deployment'),
      bytes: this.#bytes,
    };
  }

  #path(entry: Entry): string {
    return join(this.#options.directory, fileName(entry));
  }

  #forget(entry: Entry): void {
    const index = this.#entries.findIndex(({ sequence }) => sequence === entry.sequence);
    if (index < 0) return;
    this.#entries.splice(index, 1);
    this.#unwritten.delete(entry.sequence);
    this.#bytes -= entry.bytes;
    this.onForgotten(entry.sequence);
  }

  async #bound(): Promise<void> {
    const { maxRecords, maxBytes, log } = this.#options;
    let dropped = 0;
    while (this.#entries.length > maxRecords || this.#bytes > maxBytes) {
      const victim =
        this.oldest(['telemetry'], 1)[0] ??
        this.oldest(['deployment'], 1)[0] ??
        this.#entries.find(({ word }) => word === 'progress');
      if (victim === undefined) break;
      await this.remove(victim);
      dropped += 1;
    }
    if (dropped > 0) log.warn('The queue is full; the oldest records were dropped', { dropped });
  }
}
