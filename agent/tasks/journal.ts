import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type HandedOverTask, handedOverTaskSchema } from '../../contracts/agent-task/task.ts';
import type { Logger } from '../log.ts';
import { quarantine, readJson, writeJson } from '../storage/files.ts';

const outcomeSchema = z.discriminatedUnion('word', [
  z.object({ word: z.literal('complete'), body: z.object({ result: z.record(z.string(), z.unknown()) }) }),
  z.object({
    word: z.literal('fail'),
    body: z.object({ error_message: z.string(), result: z.record(z.string(), z.unknown()).nullish() }),
  }),
]);
/** How the work on a task ended, in the words in which the platform is told. */
export type Outcome = z.infer<typeof outcomeSchema>;

/**
 * accepted: waits for its turn. claimed: still waits, but `start` was said, so that its hand-over does not count
 * as lost. running: work has begun. done: the outcome is known, or the platform `decided` otherwise.
 */
const journalEntrySchema = z.object({
  task: handedOverTaskSchema,
  state: z.enum(['accepted', 'claimed', 'running', 'done']),
  order: z.number().int(),
  accepted_at: z.iso.datetime(),
  started_at: z.iso.datetime().optional(),
  finished_at: z.iso.datetime().optional(),
  outcome: outcomeSchema.optional(),
  decided: z.string().optional(),
  /** The platform has taken the outcome. */
  told: z.boolean().optional(),
});
export type JournalEntry = z.infer<typeof journalEntrySchema>;

/** With their results, which may be large. */
const KEPT_DONE = 100;

/** Every task that was ever accepted, one private file each: what makes a task handed over twice be done once. */
export class Journal {
  readonly #directory: string;
  readonly #log: Logger;
  readonly #entries = new Map<string, JournalEntry>();
  #order = 0;

  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
  }

  async load(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      if (name.endsWith('.tmp')) await rm(path, { force: true });
      if (!name.endsWith('.json')) continue;
      const read = await readJson(path, journalEntrySchema);
      if (read.found === 'corrupt') {
        this.#log.error('A task of the journal is broken and put aside', { file: name, reason: read.reason });
        await quarantine(path);
      } else if (read.found === 'yes') {
        this.#entries.set(read.value.task.id, read.value);
        this.#order = Math.max(this.#order, read.value.order);
      }
    }
    await this.#prune();
  }

  get(taskId: string): JournalEntry | undefined {
    return this.#entries.get(taskId);
  }

  /** In the order in which they were accepted. */
  all(): JournalEntry[] {
    return [...this.#entries.values()].sort((a, b) => a.order - b.order);
  }

  /** Keeps a new task. Rejects when the disk does not take it: then the task is not accepted. */
  async accept(task: HandedOverTask): Promise<JournalEntry> {
    this.#order += 1;
    const entry: JournalEntry = {
      task,
      state: 'accepted',
      order: this.#order,
      accepted_at: new Date().toISOString(),
    };
    await writeJson(this.#path(task.id), entry);
    this.#entries.set(task.id, entry);
    return entry;
  }

  /** Notes a change, in memory even if the disk does not take it: the running agent must not do a task twice. */
  async update(taskId: string, change: Partial<Omit<JournalEntry, 'task' | 'order'>>): Promise<JournalEntry> {
    const known = this.#entries.get(taskId);
    if (known === undefined) throw new Error(`Task ${taskId} is not in the journal`);
    const entry = { ...known, ...change };
    this.#entries.set(taskId, entry);
    await writeJson(this.#path(taskId), entry).catch((error: unknown) =>
      this.#log.error('A change of a task could not be written to the journal', { task_id: taskId, error }),
    );
    if (entry.state === 'done') await this.#prune();
    return entry;
  }

  /**
   * Forgets everything; what a clone finds in its journal belongs to its original. Resolves only when nothing of it is
   * on the disk any more, also of what that did not let go before.
   */
  async clear(): Promise<void> {
    this.#entries.clear();
    for (const name of await readdir(this.#directory)) {
      if (name.endsWith('.json')) await rm(join(this.#directory, name), { force: true });
    }
  }

  /** Forgets a task, in memory even if the disk does not let it go. */
  async forget(taskId: string): Promise<void> {
    this.#entries.delete(taskId);
    await rm(this.#path(taskId), { force: true }).catch((error: unknown) =>
      this.#log.error('A task could not be removed from the journal', { task_id: taskId, error }),
    );
  }

  async #prune(): Promise<void> {
    // An outcome that the platform has not heard is kept however many there are: it is said again.
    const done = this.all().filter(
      ({ state, outcome, told, decided }) =>
        state === 'done' && (outcome === undefined || told === true || decided !== undefined),
    );
    for (const entry of done.slice(0, Math.max(0, done.length - KEPT_DONE))) await this.forget(entry.task.id);
  }

  #path(taskId: string): string {
    return join(this.#directory, `${taskId}.json`);
  }
}
