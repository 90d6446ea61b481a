import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { ringSchema } from '../../contracts/deployment/rings.ts';
import {
  type DeployablePackage,
  findPrevious,
  installedVersion,
  installPayload,
  objectionTo,
  readPackage,
  uninstallPayload,
} from '../../db/stores/deployment/package.ts';
import { countPopulation } from '../../db/stores/deployment/population.ts';
import { type PipelineOptions, Rollouts, ring } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
let rollouts: Rollouts;
beforeAll(async () => {
  database = await createTestDatabase();
  rollouts = new Rollouts(database);
});
afterAll(() => database?.dispose());

async function within<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  try {
    await client.query('BEGIN');
    return await work(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** A package as a deployment reads it, after columns of its pipeline were set so. */
async function read(
  options: PipelineOptions = {},
  columns: Record<string, unknown> = {},
): Promise<DeployablePackage> {
  const id = await rollouts.pipeline(options);
  for (const [column, value] of Object.entries(columns))
    await database.pool.query(`UPDATE packaging_pipeline SET ${column} = $2 WHERE id = $1`, [id, value]);
  const found = await within((client) => readPackage(client, id));
  if (found === undefined) throw new Error('The pipeline is gone');
  return found;
}

describe('A package', () => {
  it('that is not there, or has not passed, or whose signer is not known, is no package for devices', async () => {
    expect(await within((client) => readPackage(client, randomUUID()))).toBeUndefined();
    expect(objectionTo(await read())).toBeUndefined();
    const building = await read({ status: 'BUILDING' });
    expect(objectionTo(building)).toBe('the pipeline is BUILDING');
    expect(() => installPayload(building, undefined, 'd')).toThrow(/has no package/);
    const unknown = await read({ signer: false });
    expect(unknown.signer).toBeUndefined();
    expect(objectionTo(unknown)).toMatch(/the key that signed it is not known here/);
    expect(() => installPayload(unknown, undefined, 'd')).toThrow(/signer of the pipeline .* is not known/);
  });

  it('knows how long its signature’s key lasts still', async () => {
    expect((await read()).signing_days_left).toBeNull();
    const signed = (expires_at: string | null) => ({
      signed: JSON.stringify({ name: 'p', sha256: 'x', size_bytes: 1, signature: { expires_at } }),
    });
    expect((await read({}, signed(null))).signing_days_left).toBeNull();
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    expect((await read({}, signed(tomorrow))).signing_days_left).toBeCloseTo(1, 2);
    expect((await read({}, signed('2026-01-01T00:00:00.000Z'))).signing_days_left).toBeLessThan(0);
  });

  it('is told to agents with its rules, as far as there are some, and by the name that the machine has for it', async () => {
    const plain = await read({}, { output_artifact_bytes: null, output_artifact_name: null });
    const rules = { detection: undefined, requirements: undefined, dependencies: [], replaces: [] };
    const bare = installPayload(plain, rules, 'd');
    expect(bare).toEqual({
      action: 'install',
      package_name: 'tool',
      package_version: '1.0.0-1',
      format: 'deb',
      artifact: { sha256: plain.pipeline.output_artifact_hash },
      signature: { trusted_keys: ['key of tool'] },
      deployment_intent: 'd',
    });
    expect(installPayload(plain, undefined, 'd')).toEqual(bare);
    const some = {
      detection: { file_exists: 'usr/bin/tool' },
      requirements: { min_free_disk_mb: 5 },
      dependencies: [{ package_name: 'base' }],
      replaces: [{ package_name: 'old' }],
    };
    const full = await read({ format: 'msi' });
    expect(installPayload(full, some, 'd')).toMatchObject({
      ...some,
      package_version: '1.0.0',
      artifact: { size_bytes: 1_000, name: 'p' },
    });
    expect(installedVersion(full.pipeline)).toBe('1.0.0');
    const mac = await read({}, { description: JSON.stringify({ identifier: 'org.example.tool' }) });
    expect(uninstallPayload(mac.pipeline, 'd')).toMatchObject({
      action: 'uninstall',
      package_name: 'org.example.tool',
    });
  });
});

describe('A rollback goes back', () => {
  const previousOf = async (id: string) =>
    within(async (client) => {
      const found = await readPackage(client, id);
      return found && findPrevious(client, found.pipeline);
    });

  it('also to a version that was packaged anew after later ones, and from it to none of those', async () => {
    const version = async (name: string, retryOf?: string, more: PipelineOptions = {}) => {
      const id = await rollouts.pipeline({ name: 'anew', version: name, ...more });
      await database.pool.query('UPDATE packaging_pipeline SET retry_of = $2 WHERE id = $1', [id, retryOf]);
      return id;
    };
    const one = await version('1.0.0', undefined, { signer: false });
    const two = await version('2.0.0');
    expect(await previousOf(two)).toBeNull();
    const failed = await version('1.0.0', one, { status: 'BUILDING' });
    const again = await version('1.0.0', failed);
    const three = await version('3.0.0');
    expect(await previousOf(two)).toBe(again);
    expect(await previousOf(again)).toBeNull();
    // It is the one before last still.
    expect(await previousOf(three)).toBe(two);
    const twoAgain = await version('2.0.0', two);
    expect(await previousOf(three)).toBe(twoAgain);
    expect(await previousOf(twoAgain)).toBe(again);
  });
});

it('A population is counted by what is online, by parts of the whole, and by tags that make machines critical', async () => {
  const fleet = await createTestDatabase();
  try {
    const own = new Rollouts(fleet);
    await own.online(3);
    await own.online(1, { critical: true });
    await own.online(1, { critical: 'no' });
    const client = await fleet.pool.connect();
    const count = async (selection: object, size: object) =>
      countPopulation(client, { selection, platform: 'linux' }, [ringSchema.parse(ring('first', size))]);
    try {
      const all = { devices: 5, fleet: 5, critical_devices: 1 };
      expect(await count({ is_online: true }, { rest: true })).toEqual({ ...all, first_ring_devices: 5 });
      expect(await count({}, { count: 2 })).toEqual({ ...all, first_ring_devices: 2 });
      expect(await count({}, { percent: 50 })).toEqual({ ...all, first_ring_devices: 3 });
      expect(await count({}, { tag: 'critical' })).toEqual({ ...all, first_ring_devices: 2 });
      expect(await count({}, { sample_percent: 100 })).toEqual({ ...all, first_ring_devices: 5 });
      expect(await count({ is_online: false }, { rest: true })).toEqual({
        devices: 0,
        fleet: 5,
        critical_devices: 0,
        first_ring_devices: 0,
      });
    } finally {
      client.release();
    }
  } finally {
    await fleet.dispose();
  }
});
