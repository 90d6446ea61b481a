import type { TaskType } from '../../contracts/agent-task/states.ts';
import type { HandedOverTask } from '../../contracts/agent-task/task.ts';
import { type Logger, messageOf } from '../log.ts';
import type { PlatformError } from '../protocol/errors.ts';
import type { Courier } from '../queue/courier.ts';
import type { Outbox } from '../queue/outbox.ts';
import type { WordRecord } from '../queue/records.ts';
import { sleep } from '../timing.ts';
import type { Troubles } from '../troubles.ts';
import type { Executor } from './executor.ts';
import { failed } from './executor.ts';
import type { Journal, JournalEntry, Outcome } from './journal.ts';
import { type Ended, RunningTask, stateAfter } from './running-task.ts';

export interface RunnerOptions {
  readonly journal: Journal;
  readonly outbox: Outbox;
  readonly courier: Courier;
  readonly executors: Readonly<Record<TaskType, Executor>>;
  readonly concurrency: number;
  readonly log: Logger;
  readonly troubles: Troubles;
  /** Asked of agents by the platform. */
  readonly heartbeatMs: () => number;
  /** An UPDATE wants the launcher to act. */
  readonly onHandover: () => void;
}

export const STOPPED_WHILE_RUNNING = 'The agent stopped while the task was running';

/** Whether the platform, in this state of a task, still waits for somebody to begin it. */
const isWanted = (status: string): boolean => status === 'PENDING' || status === 'ASSIGNED';

/** Does tasks in the order in which they were handed over, each once, and tells the platform. */
export class TaskRunner {
  readonly #options: RunnerOptions;
  readonly #running = new Map<string, RunningTask>();
  readonly #work = new Set<Promise<void>>();
  #paused = true;

  constructor(options: RunnerOptions) {
    this.#options = options;
    options.courier.onRefusal = (record, error) => void this.#refused(record, error);
    options.courier.onDelivered = (record) => void this.#delivered(record);
  }

  /**
   * After the start of the agent: fails what was running when it died, says again what may not have been heard.
   * `except` names an UPDATE that is not over yet.
   */
  async recover(except?: string): Promise<void> {
    const { journal, outbox, courier, log } = this.#options;
    for (const entry of journal.all()) {
      const { id } = entry.task;
      if (entry.state === 'running' && id !== except) {
        log.warn('A task was running when the agent stopped', { task_id: id });
        await this.finish(id, failed(STOPPED_WHILE_RUNNING));
      } else if (entry.outcome !== undefined && !entry.told && entry.decided === undefined) {
        const { word, body } = entry.outcome;
        if (!outbox.hasWord(id, word)) await courier.send(this.#word(entry, word, body));
      }
    }
  }

  /** Takes over what a heartbeat handed over; tasks that are known are not done twice. */
  async accept(tasks: readonly HandedOverTask[]): Promise<void> {
    const { journal, log, troubles } = this.#options;
    for (const task of tasks) {
      const known = journal.get(task.id);
      if (known !== undefined) {
        this.#answerAgain(known);
        continue;
      }
      try {
        await journal.accept(task);
        log.info('Task accepted', {
          task_id: task.id,
          task_type: task.task_type,
          correlation_id: task.correlation_id,
        });
        troubles.clear('journal');
      } catch (error) {
        // Not accepted, so not started: the platform will hand it over again.
        log.error('A task could not be written to the journal', { task_id: task.id, error });
        troubles.report('journal', `a task could not be kept: ${messageOf(error)}`);
      }
    }
    this.#next();
  }

  /** Lets tasks begin; until then they are only accepted. */
  resume(): void {
    this.#paused = false;
    this.#next();
  }

  pause(): void {
    this.#paused = true;
  }

  /** Once a heartbeat interval: tells that running tasks are alive, and claims those that wait for long. */
  tick(): void {
    for (const running of this.#running.values()) running.tellAlive();
    const patience = this.#options.heartbeatMs();
    for (const entry of this.#options.journal.all()) {
      if (entry.state === 'accepted' && !this.#running.has(entry.task.id)) {
        if (Date.now() - Date.parse(entry.accepted_at) >= patience) void this.#claim(entry);
      }
    }
  }

  /** Ends all work without a word: the tasks belong to another identity, or this one has been shut out. */
  async abandon(reason: string): Promise<void> {
    this.pause();
    for (const running of this.#running.values()) running.abort('abandoned', reason);
    await Promise.allSettled(this.#work);
  }

  /**
   * Gives running tasks `graceMs`, then aborts and fails them. What still does not end after `lastMs` is a package
   * tool, which outlives the agent; its task is failed by the next start.
   */
  async stop(graceMs: number, lastMs = 5_000): Promise<void> {
    this.pause();
    const all = Promise.allSettled([...this.#work]);
    const over = new AbortController();
    await Promise.race([all.then(() => over.abort()), sleep(graceMs, over.signal)]);
    for (const running of this.#running.values()) running.abort('stopped', STOPPED_WHILE_RUNNING);
    const ended = new AbortController();
    await Promise.race([all.then(() => ended.abort()), sleep(lastMs, ended.signal)]);
  }

  /** Notes the outcome and tells it. */
  async finish(taskId: string, outcome: Outcome): Promise<void> {
    const { journal, courier, log } = this.#options;
    const entry = await journal.update(taskId, {
      state: 'done',
      finished_at: new Date().toISOString(),
      outcome,
    });
    log.info('Task finished', {
      task_id: taskId,
      outcome: outcome.word,
      ...(outcome.word === 'fail' ? { reason: outcome.body.error_message } : {}),
    });
    await courier.send(this.#word(entry, outcome.word, outcome.body));
  }

  get counters(): { running: number; waiting: number } {
    const waiting = this.#options.journal
      .all()
      .filter(({ state }) => state === 'accepted' || state === 'claimed');
    return {
      running: this.#running.size,
      waiting: waiting.filter(({ task }) => !this.#running.has(task.id)).length,
    };
  }

  #word(entry: JournalEntry, word: WordRecord['word'], body: Record<string, unknown>): WordRecord {
    return { kind: 'word', task_id: entry.task.id, word, body, correlation_id: entry.task.correlation_id };
  }

  /** The platform hands a known task over again: it has not heard all of what was said of it. */
  #answerAgain(entry: JournalEntry): void {
    const { outbox, courier, log } = this.#options;
    const { id } = entry.task;
    if (entry.state === 'accepted' || entry.decided !== undefined) return;
    log.info('Task handed over again; its state is told again', { task_id: id, state: entry.state });
    if (entry.outcome !== undefined && !outbox.hasWord(id, entry.outcome.word)) {
      void courier.send(this.#word(entry, 'start', {}));
      void courier.send(this.#word(entry, entry.outcome.word, entry.outcome.body));
    } else if (entry.outcome === undefined && !outbox.hasWord(id, 'start')) {
      void courier.send(this.#word(entry, 'start', {}));
    }
  }

  #next(): void {
    if (this.#paused) return;
    for (const entry of this.#options.journal.all()) {
      if (this.#running.size >= this.#options.concurrency) return;
      const waits = entry.state === 'accepted' || entry.state === 'claimed';
      if (waits && !this.#running.has(entry.task.id)) this.#begin(entry);
    }
  }

  #begin(entry: JournalEntry): void {
    const { id, task_type } = entry.task;
    const running = new RunningTask(entry, this.#options.executors[task_type], this.#options);
    this.#running.set(id, running);
    const work = running
      .work()
      .then((ended) => this.#conclude(id, ended))
      .catch((error: unknown) =>
        this.#options.log.error('A task could not be concluded', { task_id: id, error }),
      )
      .finally(() => {
        this.#running.delete(id);
        this.#work.delete(work);
        this.#next();
      });
    this.#work.add(work);
  }

  async #conclude(taskId: string, ended: Ended): Promise<void> {
    if (ended.how === 'outcome') return this.finish(taskId, ended.outcome);
    if (ended.how === 'handover') {
      this.pause();
      this.#options.onHandover();
    } else if (ended.how === 'decided') {
      this.#options.log.warn('Work on a task stopped: the platform decided otherwise', {
        task_id: taskId,
        task_status: ended.status,
      });
      await this.#options.outbox.dropWords(taskId);
      await this.#close(taskId, ended.status);
    }
  }

  /** Notes what the platform decided; a task that it still wants done is forgotten, to be handed over anew. */
  async #close(taskId: string, status: string): Promise<void> {
    if (isWanted(status)) return this.#options.journal.forget(taskId);
    await this.#options.journal.update(taskId, { state: 'done', decided: status });
  }

  async #refused(record: WordRecord, error: PlatformError): Promise<void> {
    const status = stateAfter(error);
    // It has not heard `start`: it will hand the task over again, and then be told how things stand.
    if (isWanted(status)) return;
    const running = this.#running.get(record.task_id);
    if (running !== undefined) running.abort('decided', status);
    else if (this.#options.journal.get(record.task_id) !== undefined)
      await this.#close(record.task_id, status);
  }

  async #delivered({ task_id, word }: WordRecord): Promise<void> {
    const entry = this.#options.journal.get(task_id);
    if (entry?.outcome?.word === word) await this.#options.journal.update(task_id, { told: true });
  }

  /** Says `start` of a task that waits behind others, before its hand-over counts as lost. */
  async #claim(entry: JournalEntry): Promise<void> {
    const { journal, courier } = this.#options;
    await journal.update(entry.task.id, { state: 'claimed', started_at: new Date().toISOString() });
    await courier.send(this.#word(entry, 'start', {}));
    const message = 'Waits for other tasks of this agent';
    await courier.send(this.#word(entry, 'progress', { percent: 0, message }));
  }
}
