import { isDeepStrictEqual } from 'node:util';
import type { PoolClient } from 'pg';
import {
  exceptionName,
  type FleetChange,
  type FleetFile,
  type RolloutPlanRecord,
} from '../../../contracts/fleet-file/fleet-file.ts';
import type { Page } from '../../../contracts/http/common.ts';
import { packagingPolicySchema } from '../../../contracts/packaging-pipeline/policy.ts';
import { ADVISORY_LOCKS } from '../../advisory-locks.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { Origin } from '../agent-task/creation.ts';
import { appendAudit } from '../audit.ts';
import { decodeCursor, iso, toPage } from '../keyset.ts';
import { createPipelineWithin } from '../packaging-pipeline/creation.ts';
import { requestException } from '../policy-exception/policy-exception-store.ts';

/** A part of a fleet file cannot be applied, so that nothing of it was. */
export class FleetFileError extends Error {
  override readonly name = 'FleetFileError';
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** Ends a transaction whose outcome is wanted, but not its effects. */
class DryRun extends Error {
  readonly changes: FleetChange[];
  constructor(changes: FleetChange[]) {
    super('dry run');
    this.changes = changes;
  }
}

/** Exceptions keep their end to the second. */
const SAME_MS = 2_000;

type Json = Record<string, unknown>;
/** A value as it comes back from jsonb. */
const asJson = (value: object): Json => JSON.parse(JSON.stringify(value)) as Json;

function differing(before: Json, after: Json): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(before[name], after[name])).sort();
}

/** Fleet files and what was applied of them. */
export class FleetFileStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Applies a file in one transaction: all of it, or nothing. A dry run does the same and takes it back, so that it
   * finds whatever the real one would. What the file does not name stays as it is.
   *
   * @throws FleetFileError naming the part that cannot be
   */
  async apply(file: FleetFile, origin: Origin, dryRun: boolean): Promise<FleetChange[]> {
    try {
      return await inTransaction(this.#database.pool, async (client) => {
        // Files are applied one after the other.
        await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.fleetFile]);
        const changes = await applyAll(client, file, origin);
        if (dryRun) throw new DryRun(changes.map((change) => ({ ...change, id: null })));
        return changes;
      });
    } catch (error) {
      if (error instanceof DryRun) return error.changes;
      throw error;
    }
  }

  /** Rollout plans by name. */
  async listPlans(query: { cursor?: string | undefined; limit: number }): Promise<Page<RolloutPlanRecord>> {
    const after = query.cursor === undefined ? '' : decodeCursor('rollout-plans', query.cursor, /^.+$/);
    const { rows } = await this.#database.pool.query<
      Omit<RolloutPlanRecord, 'updated_at'> & { updated_at: Date }
    >(`SELECT * FROM rollout_plan WHERE name > $1 ORDER BY name LIMIT ${query.limit + 1}`, [after]);
    return toPage(
      'rollout-plans',
      rows,
      query.limit,
      (row) => row.name,
      (row) => ({ ...row, updated_at: iso(row.updated_at) }),
    );
  }
}

async function applyAll(client: PoolClient, file: FleetFile, origin: Origin): Promise<FleetChange[]> {
  const changes: FleetChange[] = [];
  for (const policy of file.policies)
    changes.push(await applyNamed(client, 'packaging_policy', policy, origin));
  for (const [index, declared] of file.packages.entries())
    changes.push(await applyPackage(client, declared, `packages.${index}`, origin));
  for (const plan of file.rollout_plans) changes.push(await applyNamed(client, 'rollout_plan', plan, origin));
  for (const [index, exception] of file.exceptions.entries())
    changes.push(await applyException(client, exception, `exceptions.${index}`, origin));
  return changes;
}

const NAMED = {
  packaging_policy: { kind: 'policy', column: 'policy' },
  rollout_plan: { kind: 'rollout_plan', column: 'plan' },
} as const;

/** A policy or a rollout plan. Deployments and pipelines keep what they began with. */
async function applyNamed(
  client: PoolClient,
  table: keyof typeof NAMED,
  wanted: FleetFile['policies'][number] | FleetFile['rollout_plans'][number],
  origin: Origin,
): Promise<FleetChange> {
  const { kind, column } = NAMED[table];
  const { name } = wanted;
  // A plan has no name of its own: its intents are named.
  const content = asJson(kind === 'policy' ? wanted : { ...wanted, name: undefined });
  const { rows } = await client.query<{ content: Json }>(
    `SELECT ${column} AS content FROM ${table} WHERE name = $1`,
    [name],
  );
  const before = rows[0]?.content;
  const fields = before === undefined ? [] : differing(before, content);
  if (before !== undefined && fields.length === 0)
    return { kind, name, action: 'unchanged', fields, id: null };
  await client.query(
    `INSERT INTO ${table} (name, ${column}, updated_by, updated_at) VALUES ($1, $2, $3, now())
     ON CONFLICT (name) DO UPDATE SET ${column} = excluded.${column}, updated_by = excluded.updated_by, updated_at = now()`,
    [name, JSON.stringify(content), origin.actor.id],
  );
  const action = before === undefined ? 'create' : 'update';
  await audit(client, origin, { type: table, id: name, action, before, after: content });
  return { kind, name, action, fields, id: null };
}

/** A package whose declaration is new gets a pipeline. */
async function applyPackage(
  client: PoolClient,
  { policy: policyName, ...request }: FleetFile['packages'][number],
  path: string,
  origin: Origin,
): Promise<FleetChange> {
  const { description } = request;
  const policy =
    policyName === undefined ? packagingPolicySchema.parse({}) : await findPolicy(client, policyName);
  if (policy === undefined) throw new FleetFileError(`${path}.policy`, `there is no policy ${policyName}`);
  const declaration = asJson({ ...request, policy });
  const name = `${description.name} ${description.version} (${description.format})`;
  const { rows } = await client.query<{ declaration: Json; pipeline_id: string }>(
    'SELECT declaration, pipeline_id FROM declared_package WHERE name = $1 AND format = $2',
    [description.name, description.format],
  );
  const [before] = rows;
  const fields = before === undefined ? [] : differing(before.declaration, declaration);
  if (before !== undefined && fields.length === 0)
    return { kind: 'package', name, action: 'unchanged', fields, id: before.pipeline_id };
  const creation = await createPipelineWithin(
    client,
    { ...request, policy },
    { ...origin, idempotencyKey: undefined },
  );
  if (creation.kind !== 'created')
    throw new FleetFileError(`${path}.source`, 'no artifact has this hash; upload it first');
  const { id } = creation.pipeline;
  await client.query(
    `INSERT INTO declared_package (name, format, declaration, pipeline_id, updated_by, updated_at)
     VALUES ($1, $2, $3, $4, $5, now())
     ON CONFLICT (name, format) DO UPDATE SET declaration = excluded.declaration, pipeline_id = excluded.pipeline_id,
       updated_by = excluded.updated_by, updated_at = now()`,
    [description.name, description.format, JSON.stringify(declaration), id, origin.actor.id],
  );
  return { kind: 'package', name, action: before === undefined ? 'create' : 'update', fields, id };
}

async function findPolicy(client: PoolClient, name: string) {
  const { rows } = await client.query<{ policy: unknown }>(
    'SELECT policy FROM packaging_policy WHERE name = $1',
    [name],
  );
  return rows[0] === undefined ? undefined : packagingPolicySchema.parse(rows[0].policy);
}

/** An exception that is asked for already, or granted, is not asked for again. */
async function applyException(
  client: PoolClient,
  { expires_at, ...wanted }: FleetFile['exceptions'][number],
  path: string,
  origin: Origin,
): Promise<FleetChange> {
  const name = exceptionName(wanted);
  const cves = [...new Set(wanted.cve_ids)].sort();
  const { rows } = await client.query<{ id: string | null; seconds: number }>(
    `SELECT (SELECT id FROM policy_exception WHERE package_name = $1 AND package_version IS NOT DISTINCT FROM $2
         AND cve_ids = $3::text[] AND reason = $4 AND revoked_at IS NULL
         AND abs(extract(epoch FROM expires_at - $5::timestamptz)) * 1000 < ${SAME_MS} ORDER BY id DESC LIMIT 1) AS id,
       ceil(extract(epoch FROM $5::timestamptz - now()))::float8 AS seconds`,
    [wanted.package_name, wanted.package_version ?? null, cves, wanted.reason, expires_at],
  );
  const { id = null, seconds = 0 } = rows[0] ?? {};
  if (id !== null) return { kind: 'exception', name, action: 'unchanged', fields: [], id };
  if (seconds < 60 || seconds > 366 * 86_400)
    throw new FleetFileError(`${path}.expires_at`, 'must lie at least a minute and at most a year ahead');
  const request = { ...wanted, expires_in_seconds: seconds };
  const asked = await requestException(client, request, origin.actor, origin.correlationId);
  return { kind: 'exception', name, action: 'create', fields: [], id: asked.id };
}

async function audit(
  client: PoolClient,
  { actor, correlationId }: Origin,
  change: { type: string; id: string; action: 'create' | 'update'; before: Json | undefined; after: Json },
): Promise<void> {
  await appendAudit(client, [
    {
      actor,
      action: `${change.type}.${change.action}`,
      kind: 'change',
      object_type: change.type,
      object_id: change.id,
      before: change.before ?? null,
      after: change.after,
      correlation_id: correlationId,
    },
  ]);
}
