import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface Claims {
  readonly sub?: string;
  readonly iss?: string;
  readonly aud?: string;
  readonly expires?: string;
  readonly scopes?: unknown;
}

/** An OpenID issuer on a local port: discovery document, keys and tokens. */
export class Issuer {
  readonly url: string;
  /** What the discovery document is changed by. */
  discovery: Record<string, unknown> = {};
  readonly #key: CryptoKey;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>, key: CryptoKey) {
    this.#server = server;
    this.#key = key;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<Issuer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
    const server = createServer((request, response) => {
      const isDiscovery = request.url === '/.well-known/openid-configuration';
      const body = isDiscovery
        ? { issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, ...issuer.discovery }
        : { keys: [jwk] };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = new Issuer(server, privateKey);
    return issuer;
  }

  /** A token of this issuer, for admins unless told otherwise. */
  token(claims: Claims = {}, key = this.#key, kid = 'one'): Promise<string> {
    return new SignJWT({ eucora_scopes: claims.scopes ?? 'admin' })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setSubject(claims.sub ?? 'ada')
      .setIssuer(claims.iss ?? this.url)
      .setAudience(claims.aud ?? 'eucora')
      .setExpirationTime(claims.expires ?? '5m')
      .sign(key);
  }

  /** A token that claims to need no signature. */
  unsigned(): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(Date.now() / 1_000) + 300;
    const claims = { sub: 'ada', iss: this.url, aud: 'eucora', exp, eucora_scopes: 'admin' };
    return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
