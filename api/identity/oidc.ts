import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { request } from 'undici';
import { SCOPES, type Scope } from '../../contracts/access/access.ts';

export interface OidcSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly scopesClaim: string;
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'];
/** As OpenID Connect has it: at most 255 ASCII characters; here none of them a control character. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;
const DISCOVERY_TIMEOUT_MS = 5_000;
/** An issuer that could not be asked is left alone for so long, whoever calls. */
const DISCOVERY_PAUSE_MS = 2_000;

/** The issuer's keys cannot be had right now; the token may be good. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

/** Checks operators' JWTs against the keys of a configured issuer (OpenID Connect Discovery). */
export class OidcVerifier {
  readonly #settings: OidcSettings;
  #keys: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined;

  constructor(settings: OidcSettings) {
    this.#settings = settings;
  }

  /**
   * @returns name and scopes; undefined when the token is not acceptable
   * @throws IssuerUnavailableError
   */
  async verify(token: string): Promise<{ name: string; scopes: Scope[] } | undefined> {
    const keys = await this.#issuerKeys();
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, keys, {
        issuer: this.#settings.issuer,
        audience: this.#settings.audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'sub'],
        clockTolerance: 30,
      }));
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (code.startsWith('ERR_J') && code !== 'ERR_JWKS_TIMEOUT') return undefined;
      throw new IssuerUnavailableError('The keys of the issuer cannot be fetched', { cause: error });
    }
    // The name goes into the audit, which cannot keep every text.
    if (!SUBJECT.test(payload.sub ?? '')) return undefined;
    return { name: `oidc:${payload.sub}`, scopes: this.#scopesOf(payload) };
  }

  #scopesOf(payload: JWTPayload): Scope[] {
    const claim = payload[this.#settings.scopesClaim];
    const named = typeof claim === 'string' ? claim.split(/[\s,]+/) : Array.isArray(claim) ? claim : [];
    return SCOPES.filter((scope) => named.includes(scope));
  }

  #issuerKeys(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    this.#keys ??= this.#discover().catch((error: unknown) => {
      setTimeout(() => {
        this.#keys = undefined;
      }, DISCOVERY_PAUSE_MS).unref();
      throw new IssuerUnavailableError('The configuration of the issuer cannot be fetched', { cause: error });
    });
    return this.#keys;
  }

  async #discover(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    const { issuer } = this.#settings;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const response = await request(url, {
      headersTimeout: DISCOVERY_TIMEOUT_MS,
      bodyTimeout: DISCOVERY_TIMEOUT_MS,
    });
    const found = (await response.body.json()) as { issuer?: unknown; jwks_uri?: unknown };
    if (found.issuer !== issuer || typeof found.jwks_uri !== 'string')
      throw new Error('The discovery document does not fit the issuer');
    return createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: DISCOVERY_TIMEOUT_MS });
  }
}
