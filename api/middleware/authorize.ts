import type { Context, MiddlewareHandler } from 'hono';
import { allows, type Scope } from '../../contracts/access/access.ts';
import type { ApiDependencies, ApiEnv, Operator } from '../context.ts';
import { IssuerUnavailableError } from '../identity/oidc.ts';
import { ApiError } from '../problems.ts';
import { clientAddress, parseBlocks } from './address.ts';
import { takeAddressPoint } from './rate-limit.ts';
import { auditSecurity } from './security-events.ts';

/** One scope, or several of which each will do. */
export type Authorize = (needed: Scope | readonly Scope[]) => MiddlewareHandler<ApiEnv>;

const HOW = 'Send an operator token in the header Authorization: Bearer TOKEN.';

/** Lets operators in whose token or JWT allows what the route asks for. */
export function createAuthorize(deps: ApiDependencies): Authorize {
  const proxies = parseBlocks(deps.config.EUCORA_TRUSTED_PROXIES);

  /** Who failed so often is told so, and is audited no more. Good credentials are never held back. */
  async function limitFailures(c: Context<ApiEnv>): Promise<void> {
    const address = clientAddress(c, proxies);
    const limited = await takeAddressPoint(deps.limits.operatorFailures, address);
    if (limited === undefined) return;
    if (limited.first) {
      await auditSecurity(c, deps, {
        action: 'security.rate_limited',
        actor: { type: 'anonymous', id: address },
        after: { limit: 'failed authentications' },
      });
    }
    throw limited.error;
  }

  async function authenticate(c: Context<ApiEnv>, token: string): Promise<Operator | undefined> {
    const known = await deps.stores.operatorTokens.authenticate(token);
    if (known !== undefined) return { ...known, via: 'token' };
    if (deps.oidc === undefined || token.split('.').length !== 3) return undefined;
    try {
      const found = await deps.oidc.verify(token);
      return found && { ...found, via: 'oidc' };
    } catch (error) {
      if (!(error instanceof IssuerUnavailableError)) throw error;
      await limitFailures(c);
      deps.logger.warn({ err: error }, 'The identity provider cannot be reached');
      throw new ApiError(
        'unavailable',
        'The identity provider cannot be reached, so the token cannot be checked. Try again shortly.',
        { retryAfterSeconds: 5 },
      );
    }
  }

  return (needed) => async (c, next) => {
    const enough = typeof needed === 'string' ? [needed] : needed;
    const token = /^Bearer ([\x21-\x7e]{1,8192})$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (token === undefined) throw new ApiError('unauthenticated', `No credentials were given. ${HOW}`);
    const operator = await authenticate(c, token);
    if (operator === undefined) {
      await limitFailures(c);
      const detail = 'The token is unknown, expired or revoked.';
      await auditSecurity(c, deps, {
        action: 'security.token_rejected',
        actor: { type: 'anonymous', id: clientAddress(c, proxies) },
        after: { detail },
      });
      throw new ApiError('unauthenticated', `${detail} ${HOW}`);
    }
    c.set('operator', operator);
    if (!enough.some((scope) => allows(operator.scopes, scope))) {
      await limitFailures(c);
      await auditSecurity(c, deps, {
        action: 'security.access_denied',
        actor: { type: 'operator', id: operator.name },
        after: { needs: enough.join(' or '), has: operator.scopes },
      });
      throw new ApiError('forbidden', `This takes the scope ${enough.join(' or ')}.`);
    }
    await next();
  };
}
