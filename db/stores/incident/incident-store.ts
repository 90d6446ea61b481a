import type { Page } from '../../../contracts/http/common.ts';
import type { ClassificationResult, SuggestionResult } from '../../../contracts/incident/ai.ts';
import type {
  ApproveIncident,
  EditIncident,
  Incident,
  IncidentCall,
  IncidentDetail,
  IncidentListQuery,
  IncidentOccurrence,
  IncidentRemedy,
  IncidentStep,
} from '../../../contracts/incident/incident.ts';
import type { IncidentSnapshot } from '../../../contracts/incident/snapshot.ts';
import type { Database } from '../../database.ts';
import {
  type AnalysisInput,
  analysisInput,
  keepClassification,
  keepSuggestion,
  presentIncident,
} from './analysis.ts';
import { collectFailures } from './collector.ts';
import {
  approveIncident,
  askIncident,
  type Decider,
  type DecisionAnswer,
  editIncident,
  rejectIncident,
} from './decisions.ts';
import { listCalls, listIncidents, listOccurrences, listRemedies, listSteps, showIncident } from './lists.ts';
import { advanceRemedies } from './remedies.ts';
import { stopRemedies } from './stop.ts';
import {
  type IncidentRules,
  leaseUntold,
  readIncidentSnapshots,
  releaseUntold,
  remindOpenIncidents,
  settleTold,
  type UntoldIncident,
} from './telling.ts';
import { remindOrExpire } from './waiting.ts';

type Paging = { readonly cursor?: string | undefined; readonly limit: number };

/** Incidents. As with tasks the row is the authority; the workflow follows and holds the timers. */
export class IncidentStore {
  readonly #database: Database;
  readonly #rules: IncidentRules;

  constructor(database: Database, rules: IncidentRules) {
    this.#database = database;
    this.#rules = rules;
  }

  /** Puts a batch of failed tasks to their incidents. @returns how many ended tasks were looked at */
  collect(): Promise<number> {
    return collectFailures(this.#database.pool, this.#rules.windowSeconds);
  }

  leaseUntold(limit: number): Promise<UntoldIncident[]> {
    return leaseUntold(this.#database.pool, limit);
  }

  settleTold(ids: readonly string[]): Promise<void> {
    return settleTold(this.#database.pool, ids);
  }

  releaseUntold(id: string, delayMs: number): Promise<void> {
    return releaseUntold(this.#database.pool, id, delayMs);
  }

  remindOpen(): Promise<number> {
    return remindOpenIncidents(this.#database.pool);
  }

  snapshots(ids: readonly string[]): Promise<IncidentSnapshot[]> {
    return readIncidentSnapshots(this.#database.pool, ids, this.#rules);
  }

  analysisInput(id: string): Promise<AnalysisInput | undefined> {
    return analysisInput(this.#database.pool, id);
  }

  keepClassification(id: string, analysis: number, result: ClassificationResult): Promise<void> {
    return keepClassification(this.#database.pool, id, analysis, result);
  }

  keepSuggestion(id: string, analysis: number, result: SuggestionResult, preselect: boolean): Promise<void> {
    return keepSuggestion(this.#database.pool, id, analysis, result, preselect);
  }

  present(id: string, trouble: string | null): Promise<void> {
    return presentIncident(this.#database.pool, id, trouble);
  }

  remindOrExpire(id: string): Promise<'expired' | 'reminded' | 'nothing'> {
    return remindOrExpire(this.#database.pool, id, this.#rules);
  }

  advance(id: string): Promise<void> {
    return advanceRemedies(this.#database.pool, id, this.#rules);
  }

  approve(id: string, request: ApproveIncident, decider: Decider): Promise<DecisionAnswer> {
    return approveIncident(this.#database.pool, id, request, decider);
  }

  edit(id: string, script: EditIncident, decider: Decider): Promise<DecisionAnswer> {
    return editIncident(this.#database.pool, id, script, decider);
  }

  reject(id: string, reason: string, decider: Decider): Promise<DecisionAnswer> {
    return rejectIncident(this.#database.pool, id, reason, decider);
  }

  ask(id: string, wish: string | undefined, decider: Decider): Promise<DecisionAnswer> {
    return askIncident(this.#database.pool, id, wish, decider);
  }

  stop(id: string, reason: string, decider: Decider): Promise<DecisionAnswer> {
    return stopRemedies(this.#database.pool, id, reason, decider);
  }

  list(query: IncidentListQuery): Promise<Page<Incident>> {
    return listIncidents(this.#database, query);
  }

  find(id: string): Promise<IncidentDetail | undefined> {
    return showIncident(this.#database, id);
  }

  occurrences(id: string, page: Paging): Promise<Page<IncidentOccurrence>> {
    return listOccurrences(this.#database, id, page);
  }

  remedies(id: string, page: Paging): Promise<Page<IncidentRemedy>> {
    return listRemedies(this.#database, id, page);
  }

  calls(id: string, page: Paging): Promise<Page<IncidentCall>> {
    return listCalls(this.#database, id, page);
  }

  timeline(id: string, page: Paging): Promise<Page<IncidentStep>> {
    return listSteps(this.#database, id, page);
  }
}
