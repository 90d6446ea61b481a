import type { ClassificationResult, SuggestionResult } from '../../../contracts/incident/ai.ts';
import type { IncidentDetail } from '../../../contracts/incident/incident.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { Fleet, OPERATOR } from './fleet.ts';

export const DECIDER = { actor: OPERATOR, correlationId: 'decision' } as const;

const CALL = {
  provider: 'offline',
  prompt: 'rules',
  prompt_version: '1',
  model: 'rules',
  outcome: 'answered',
  cached: false,
  input_tokens: 0,
  output_tokens: 0,
  latency_ms: 1,
  redactions: {},
  raw_answer: '{}',
  error: null,
  at: '2026-11-25T00:00:00.000Z',
} as const;

export const CLASSIFIED: ClassificationResult = {
  classification: {
    category: 'INSTALLATION_FAILURE',
    root_cause: 'A dependency is missing',
    remediation: 'Install it',
    severity: 'medium',
    provider: 'offline',
    model: 'rules',
    confidence: 0.9,
  },
  confidence_parts: { model: 0.9, agreement: 1, schema_fit: 1, evidence: 1 },
  decision: 'suggest',
  reason: 'Sure enough',
  calls: [{ ...CALL, purpose: 'classify' }],
};

export const SUGGESTED: SuggestionResult = {
  status: 'suggested',
  suggestion: {
    platform: 'linux',
    interpreter: 'sh',
    script: 'true',
    explanation: 'Does it',
    verification: '',
    provider: 'offline',
    model: 'rules',
    confidence: 0.9,
  },
  calls: [{ ...CALL, purpose: 'suggest' }],
};

/** Devices that fail, and incidents that come of it, without workflows. */
export class Trouble {
  readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  get incidents() {
    return this.fleet.database.stores.incidents;
  }

  /** A device whose task fails. @returns agent and task */
  async fail(
    error: string,
    agent?: string,
    overrides: Parameters<Fleet['task']>[1] = {},
  ): Promise<[string, string]> {
    const id = agent ?? (await this.fleet.online());
    const task = await this.fleet.task(id, {
      task_type: 'DEPLOY',
      payload: { package_name: 'app', package_version: '1.0' },
      ...overrides,
    });
    await this.run(id, task, error);
    return [id, task];
  }

  /** Hands a task over and lets it end: well, or with an error. */
  async run(agent: string, task: string, error?: string): Promise<void> {
    const { tasks } = this.fleet.database.stores;
    await this.fleet.heartbeat(agent);
    await tasks.takeWord(task, agent, { word: 'start' }, 'test');
    const answer = await tasks.takeWord(
      task,
      agent,
      error === undefined
        ? { word: 'complete', result: {} }
        : { word: 'fail', error_message: error, result: null },
      'test',
    );
    if (answer.kind !== 'taken') throw new Error(answer.kind);
  }

  /** Fails `devices` devices alike and brings their incident before a person. */
  async waiting(
    devices = 1,
    error = unique('broken'),
  ): Promise<{ id: string; agents: string[]; error: string }> {
    const agents = [];
    for (let n = 0; n < devices; n += 1) agents.push((await this.fail(error))[0]);
    const id = await this.collected();
    await this.analysed(id);
    return { id, agents, error };
  }

  async analysed(id: string): Promise<void> {
    const { analysis } = (await this.incidents.analysisInput(id)) ?? { analysis: 0 };
    await this.incidents.keepClassification(id, analysis, CLASSIFIED);
    await this.incidents.keepSuggestion(id, analysis, SUGGESTED, true);
    await this.incidents.present(id, null);
  }

  /** Collects all there is. @returns the newest incident */
  async collected(): Promise<string> {
    while ((await this.incidents.collect()) > 0);
    const { items } = await this.incidents.list({ limit: 1 });
    return items[0]?.id ?? '';
  }

  async show(id: string): Promise<IncidentDetail> {
    const incident = await this.incidents.find(id);
    if (incident === undefined) throw new Error(`No incident ${id}`);
    return incident;
  }

  async status(id: string) {
    return (await this.show(id)).status;
  }

  /** Tasks that ended badly and were put to no incident yet. */
  async inbox(): Promise<string[]> {
    const { rows } = await this.fleet.database.pool.query<{ task_id: string }>(
      'SELECT task_id FROM incident_inbox',
    );
    return rows.map((row) => row.task_id);
  }

  /** The clock at now, and nothing that is still to be collected or told: how a test begins. */
  async settled(): Promise<void> {
    await this.fleet.database.setClock(0);
    while ((await this.incidents.collect()) > 0);
    const untold = await this.incidents.leaseUntold(1_000);
    await this.incidents.settleTold(untold.map(({ id }) => id));
  }

  /** Lets every device be remedied and heard, until the incident asks for nothing more. @returns the clock then */
  async heal(id: string, clock = 0): Promise<number> {
    let now = clock;
    for (let round = 0; round < 50; round += 1) {
      await this.incidents.advance(id);
      if (!['CANARY', 'ROLLOUT'].includes(await this.status(id))) return now;
      for (const { state, agent_id } of await this.remedies(id)) {
        if (state === 'REMEDYING' || state === 'VERIFYING')
          await this.run(agent_id, await this.remedyTask(id, agent_id));
        now += 1;
        await this.fleet.database.setClock(now);
        if (state === 'OBSERVING') await this.fleet.heartbeat(agent_id);
      }
      now += 121;
      await this.fleet.database.setClock(now);
      while ((await this.incidents.collect()) > 0);
    }
    throw new Error('It never ends');
  }

  async approve(id: string, request: { retry_failed_tasks?: boolean; suggestion_id?: string } = {}) {
    return this.incidents.approve(id, { retry_failed_tasks: false, ...request }, DECIDER);
  }

  /** The remedies of an incident, the first device before the others. */
  async remedies(id: string) {
    const { items } = await this.incidents.remedies(id, { limit: 500 });
    return items.sort((a, b) => Number(b.canary) - Number(a.canary));
  }

  /** The open task of a device that an incident made. */
  async remedyTask(id: string, agent: string): Promise<string> {
    const remedy = (await this.remedies(id)).find(
      ({ agent_id, state }) => agent_id === agent && (state === 'REMEDYING' || state === 'VERIFYING'),
    );
    const task = remedy?.state === 'VERIFYING' ? remedy.verify_task_id : remedy?.task_id;
    if (task == null) throw new Error(`Nothing runs on ${agent}: ${remedy?.state}`);
    return task;
  }
}

/** A database of its own with devices that fail, for a test file, which begins each of its tests with nothing to be told. */
export function troubled(): { readonly database: TestDatabase; readonly trouble: Trouble } {
  const on: { database?: TestDatabase; trouble?: Trouble } = {};
  beforeAll(async () => {
    on.database = await createTestDatabase();
    on.trouble = new Trouble(new Fleet(on.database));
    // A window of failures is a day: no midnight comes between two of them.
    await on.trouble.fleet.freeze();
  });
  beforeEach(() => on.trouble?.settled());
  afterAll(() => on.database?.dispose());
  return on as Required<typeof on>;
}

let made = 0;

/** An error text that no other test's has. */
export function unique(text: string): string {
  made += 1;
  return `${text} ${String.fromCharCode(...[...String(made)].map((digit) => 103 + Number(digit)))}`;
}
