import type { Context, MiddlewareHandler } from 'hono';
import { allows, type Scope } from '../../contracts/access/access.ts';
import type { ApiDependencies, ApiEnv, Operator } from '../context.ts';
import { IssuerUnavailableError } from '../identity/oidc.ts';
import { ApiError } from '../problems.ts';
import { clientAddress, parseBlocks } from './address.ts';
import { exhausted, takePoint } from './rate-limit.ts';
import { auditSecurity } from './security-events.ts';

export type Authorize = (scope: Scope) => MiddlewareHandler<ApiEnv>;

const HOW = 'Send an operator token in the header Authorization: Bearer TOKEN.';

/** Lets operators in whose token or JWT allows what the route asks for. */
export function createAuthorize(deps: ApiDependencies): Authorize {
  const proxies = parseBlocks(deps.config.EUCORA_TRUSTED_PROXIES);

  async function authenticate(token: string): Promise<Operator | undefined> {
    const known = await deps.stores.operatorTokens.authenticate(token);
    if (known !== undefined) return { ...known, via: 'token' };
    if (deps.oidc === undefined || token.split('.').length !== 3) return undefined;
    try {
      const found = await deps.oidc.verify(token);
      return found && { ...found, via: 'oidc' };
    } catch (error) {
      if (!(error instanceof IssuerUnavailableError)) throw error;
      deps.logger.warn({ err: error }, 'The identity provider cannot be reached');
      throw new ApiError(
        'unavailable',
        'The identity provider cannot be reached, so the token cannot be checked. Try again shortly.',
        { retryAfterSeconds: 5 },
      );
    }
  }

  async function reject(c: Context<ApiEnv>, address: string, detail: string): Promise<never> {
    const limited = await takePoint(deps.limits.failures, address);
    if (limited === undefined) {
      await auditSecurity(c, deps, {
        action: 'security.token_rejected',
        actor: { type: 'anonymous', id: address },
        after: { detail },
      });
      throw new ApiError('unauthenticated', `${detail} ${HOW}`);
    }
    if (limited.first) {
      await auditSecurity(c, deps, {
        action: 'security.rate_limited',
        actor: { type: 'anonymous', id: address },
        after: { limit: 'failed authentications' },
      });
    }
    throw limited.error;
  }

  return (scope) => async (c, next) => {
    const address = clientAddress(c, proxies);
    const token = /^Bearer ([\x21-\x7e]{1,8192})$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (token === undefined) {
      const refusal = await exhausted(deps.limits.failures, address);
      if (refusal !== undefined) return reject(c, address, 'No credentials were given.');
      throw new ApiError('unauthenticated', `No credentials were given. ${HOW}`);
    }
    if ((await exhausted(deps.limits.failures, address)) !== undefined) return reject(c, address, '');
    const operator = await authenticate(token);
    if (operator === undefined) return reject(c, address, 'The token is unknown, expired or revoked.');
    c.set('operator', operator);
    if (!allows(operator.scopes, scope)) {
      await auditSecurity(c, deps, {
        action: 'security.access_denied',
        actor: { type: 'operator', id: operator.name },
        after: { needs: scope, has: operator.scopes },
      });
      throw new ApiError('forbidden', `This takes the scope ${scope}.`);
    }
    await next();
    return undefined;
  };
}
