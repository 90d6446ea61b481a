import type { Pool, PoolClient } from 'pg';
import type {
  AiCall,
  Classification,
  ClassificationResult,
  Failure,
  SuggestionResult,
} from '../../../contracts/incident/ai.ts';
import { inTransaction } from '../../database.ts';
import type { IncidentRow } from '../../models/incident-rows.ts';
import { moveIncident } from './move.ts';
import { workflowActor } from './records.ts';

/** What the assistant is asked about. */
export interface AnalysisInput {
  /** 1 at first; it grows when the incident comes back, or a person asks again. */
  readonly analysis: number;
  /** Of the failure: devices that failed alike have the same one. */
  readonly fingerprint: string;
  readonly failure: Failure;
  /** Kept from a classification that was made before; null when there was none that fits. */
  readonly classification: Classification | null;
  /** Whether a classification of this analysis is there already, be it without an answer. */
  readonly classified: boolean;
  /** Whether that classification is sure enough for a suggestion to be preselected. */
  readonly trusted: boolean;
  /** What a person wishes to be done otherwise. */
  readonly wish: string | null;
}

const LOG_BYTES = 65_536;

interface InputRow extends IncidentRow {
  error_message: string | null;
  log: string | null;
  version_of_package: string | null;
  classification: Classification | null;
  classified_analysis: number | null;
  trusted: boolean;
}

/** The newest failure of an incident that still has its task; undefined when the incident is not being analysed. */
export async function analysisInput(pool: Pool, id: string): Promise<AnalysisInput | undefined> {
  const { rows } = await pool.query<InputRow>(
    `SELECT i.*, t.error_message, t.payload ->> 'package_version' AS version_of_package,
       right(concat_ws(E'\\n', t.result ->> 'stdout', t.result ->> 'stderr', t.result ->> 'output'), ${LOG_BYTES}) AS log
     FROM incident i LEFT JOIN LATERAL (
       SELECT t.* FROM incident_occurrence o JOIN agent_task t ON t.id = o.task_id
       WHERE o.incident_id = i.id ORDER BY o.id DESC LIMIT 1) t ON true
     WHERE i.id = $1 AND i.status = 'OPENED'`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    analysis: row.analysis,
    fingerprint: row.fingerprint,
    failure: {
      platform: row.platform,
      package: [row.package_name, row.version_of_package].filter(Boolean).join(' ').slice(0, 512),
      exit_code: row.exit_code,
      error: (row.error_message ?? row.error).slice(0, 65_536).toWellFormed(),
      log: row.log ?? '',
    },
    classification: row.classification,
    classified: row.classified_analysis === row.analysis,
    trusted: row.trusted,
    wish: row.question,
  };
}

/** Keeps what the assistant said of the failure, with every call; once an analysis. */
export function keepClassification(
  pool: Pool,
  id: string,
  analysis: number,
  result: ClassificationResult,
): Promise<void> {
  return inTransaction(pool, async (client) => {
    const found = result.classification;
    const { rowCount } = await client.query(
      `UPDATE incident SET label = COALESCE($3, label), severity = COALESCE($4, severity),
         root_cause = COALESCE($5, root_cause), remediation = COALESCE($6, remediation), confidence = $7,
         confidence_parts = $8, advice = $9, classification = $10, classified_analysis = analysis,
         trusted = $11
       WHERE id = $1 AND analysis = $2 AND status = 'OPENED' AND classified_analysis IS DISTINCT FROM analysis`,
      [
        id,
        analysis,
        found?.category,
        found?.severity,
        found?.root_cause,
        found?.remediation,
        found?.confidence ?? null,
        result.confidence_parts === null ? null : JSON.stringify(result.confidence_parts),
        result.reason,
        found === null ? null : JSON.stringify(found),
        result.decision === 'suggest',
      ],
    );
    if (rowCount === 1) await keepCalls(client, id, analysis, result.calls);
  });
}

/** Keeps a suggestion, or why there is none, with every call; `preselect` where it is trusted enough. Once an analysis. */
export function keepSuggestion(
  pool: Pool,
  id: string,
  analysis: number,
  result: SuggestionResult,
  preselect: boolean,
): Promise<void> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<IncidentRow>(
      `SELECT * FROM incident WHERE id = $1 AND analysis = $2 AND status = 'OPENED' FOR UPDATE`,
      [id, analysis],
    );
    const [incident] = rows;
    if (incident === undefined) return;
    // Asked after the lock: who held it may have kept one.
    const kept = await client.query(
      'SELECT 1 FROM incident_suggestion WHERE incident_id = $1 AND analysis = $2',
      [id, analysis],
    );
    if (kept.rows.length > 0) return;
    await keepCalls(client, id, analysis, result.calls);
    if (result.status === 'none') {
      await client.query(
        `UPDATE incident SET advice = concat_ws(' ', advice, $2::text), preselected_suggestion = NULL WHERE id = $1`,
        [id, result.reason],
      );
      return;
    }
    const made = result.status === 'suggested' ? result.suggestion : undefined;
    const suggestion = await insertSuggestion(client, id, analysis, {
      provider: made?.provider ?? result.calls.at(-1)?.provider ?? null,
      model: made?.model ?? result.calls.at(-1)?.model ?? null,
      interpreter: made?.interpreter ?? null,
      script: made?.script ?? null,
      verification: made?.verification || null,
      explanation: result.status === 'blocked' ? result.explanation : result.suggestion.explanation,
      confidence: made?.confidence ?? null,
      findings: result.status === 'blocked' ? result.findings : [],
      created_by: workflowActor(incident).id,
    });
    await client.query('UPDATE incident SET preselected_suggestion = $2 WHERE id = $1', [
      id,
      preselect && made !== undefined ? suggestion : null,
    ]);
  });
}

export interface NewSuggestion {
  readonly provider: string | null;
  readonly model: string | null;
  readonly interpreter: string | null;
  readonly script: string | null;
  readonly verification: string | null;
  readonly explanation: string;
  readonly confidence: number | null;
  readonly findings: readonly object[];
  readonly created_by: string;
}

export async function insertSuggestion(
  client: PoolClient,
  incidentId: string,
  analysis: number,
  made: NewSuggestion,
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO incident_suggestion (id, incident_id, analysis, provider, model, interpreter, script, verification,
       explanation, confidence, findings, created_by, created_at)
     VALUES (uuid7(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now()) RETURNING id`,
    [
      incidentId,
      analysis,
      made.provider,
      made.model,
      made.interpreter,
      made.script,
      made.verification,
      made.explanation,
      made.confidence,
      JSON.stringify(made.findings),
      made.created_by,
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('A suggestion was not kept');
  return row.id;
}

async function keepCalls(
  client: PoolClient,
  id: string,
  analysis: number,
  calls: readonly AiCall[],
): Promise<void> {
  for (const call of calls) {
    await client.query(
      'INSERT INTO incident_call (id, incident_id, analysis, record) VALUES (uuid7(), $1, $2, $3)',
      [id, analysis, JSON.stringify(call)],
    );
  }
}

/** The analysis is over, whatever came of it: a person decides. `trouble` says why nothing came of it. */
export async function presentIncident(pool: Pool, id: string, trouble: string | null): Promise<void> {
  const { rows } = await pool.query<IncidentRow>('SELECT * FROM incident WHERE id = $1', [id]);
  const [incident] = rows;
  if (incident === undefined) return;
  await moveIncident(pool, {
    word: 'present',
    id,
    actor: workflowActor(incident),
    set: `waiting_since = now(), reminders = 0, advice = COALESCE($5, i.advice)`,
    params: [trouble],
    told: { label: incident.label, preselected_suggestion: incident.preselected_suggestion },
    tell: 'no',
  });
}
