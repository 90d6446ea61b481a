import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import { z } from 'zod';
import type { RunningPlatform } from '../../cli/platform/start.ts';
import type { Scope } from '../../contracts/access/access.ts';

/** An answer other than the expected one. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
  readonly status: number;

  constructor(status: number, method: string, path: string, body: string) {
    super(`${method} ${path} answered ${status}: ${body.slice(0, 300)}`);
    this.status = status;
  }
}

const createdToken = z.object({ token: z.string() });

/** What the simulator asks as an operator. */
export class Operator {
  readonly #pool: Pool;
  readonly #token: string;

  private constructor(pool: Pool, token: string) {
    this.#pool = pool;
    this.#token = token;
  }

  static async of(platform: RunningPlatform): Promise<Operator> {
    const token = (await readFile(platform.endpoints.admin_token_file, 'utf8')).trim();
    return new Operator(new Pool(platform.endpoints.operator_api, { connections: 8 }), token);
  }

  /** Another person, for whom this one, an admin, makes a token. */
  async colleague(name: string, scopes: readonly Scope[]): Promise<Operator> {
    const { token } = createdToken.parse(await this.call('POST', '/operator-tokens', { name, scopes }));
    return new Operator(this.#pool, token);
  }

  /** @throws OperatorError for an answer that is not 2xx */
  async call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
    const response = await this.#pool.request({
      method,
      path: `/api/v1${path}`,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode < 200 || response.statusCode > 299)
      throw new OperatorError(response.statusCode, method, path, text);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Ends the connections, also those of colleagues. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
