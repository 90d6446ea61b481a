import type { Pool } from 'pg';

/** The public half of a key that packages are signed by. */
export interface PublicSigningKey {
  /** Lower-case hex. */
  readonly thumbprint: string;
  /** Armored OpenPGP key. */
  readonly material: string;
  readonly subject: string;
  /** ISO 8601; null: never. */
  readonly expires_at: string | null;
}

/** Whom agents are told to trust. A key that is retired stays known: what it signed is still installed. */
export class SigningKeyStore {
  readonly #pool: Pool;
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Notes a key, or that its end was moved. */
  async note({ thumbprint, material, subject, expires_at }: PublicSigningKey): Promise<void> {
    await this.#pool.query(
      `INSERT INTO signing_key (thumbprint, material, subject, expires_at, noted_at) VALUES ($1, $2, $3, $4, now())
       ON CONFLICT (thumbprint) DO UPDATE SET material = excluded.material, subject = excluded.subject,
         expires_at = excluded.expires_at, noted_at = now()
       WHERE (signing_key.material, signing_key.expires_at) IS DISTINCT FROM (excluded.material, excluded.expires_at)`,
      [thumbprint, material, subject, expires_at],
    );
  }
}
