import type { Pool } from 'pg';
import { GroupCommit } from '../../batch/group-commit.ts';
import { statement } from '../../database.ts';

/** What was noted of a certificate when it was issued. */
export interface IssuedTo {
  readonly agentId: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

interface IssuedRow {
  fingerprint: string;
  agent_id: string;
  not_before: Date;
  not_after: Date;
}

const LOOK_UP = `
  SELECT fingerprint_sha256 AS fingerprint, agent_id, not_before, not_after FROM agent_certificate
  WHERE fingerprint_sha256 = ANY($1::text[]) AND authority_sha256 = $2`;

/** Finds certificates by their fingerprints. Callers that come at about the same time share one statement. */
export class IssuedCertificates {
  readonly #batches: GroupCommit<string, IssuedTo | undefined>;

  /** @param authority fingerprint of the authority in use (SHA-256, hex): what another one issued is not found */
  constructor(pool: Pool, authority: string) {
    this.#batches = new GroupCommit((fingerprints) => lookUp(pool, fingerprints, authority), {
      maxBatch: 256,
      enough: 32,
      maxWaitMs: 2,
      maxConcurrent: 2,
      maxWaiting: 20_000,
    });
  }

  /** @param fingerprint SHA-256 of the DER form, hex */
  find(fingerprint: string): Promise<IssuedTo | undefined> {
    return this.#batches.submit(fingerprint);
  }
}

async function lookUp(
  pool: Pool,
  fingerprints: readonly string[],
  authority: string,
): Promise<(IssuedTo | undefined)[]> {
  const { rows } = await statement<IssuedRow>(pool, {
    name: 'issued-certificates',
    text: LOOK_UP,
    values: [fingerprints, authority],
  });
  const found = new Map(
    rows.map(({ fingerprint, agent_id, not_before, not_after }) => [
      fingerprint,
      { agentId: agent_id, notBefore: not_before, notAfter: not_after },
    ]),
  );
  return fingerprints.map((fingerprint) => found.get(fingerprint));
}
