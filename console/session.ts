import { hkdfSync } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { EncryptJWT, jwtDecrypt } from 'jose';

const COOKIE = 'eucora_session';
const PATH = '/console';
/** Of one log-in, in seconds; the token behind it may end sooner. */
const LIFETIME_SECONDS = 12 * 3_600;

/**
 * Keeps an operator's token in the browser, sealed: scripts cannot read the cookie, and who steals it from disk has
 * nothing that works outside the console. Nothing is kept on the server, so that every replica understands it.
 */
export class Sessions {
  readonly #key: Uint8Array;

  /** @param secret what all replicas share; the key is derived from it for this use alone */
  constructor(secret: Uint8Array) {
    this.#key = new Uint8Array(hkdfSync('sha256', secret, '', 'eucora console session', 32));
  }

  async begin(c: Context, token: string, secure: boolean): Promise<void> {
    setCookie(c, COOKIE, await this.seal({ token }, LIFETIME_SECONDS), {
      path: PATH,
      httpOnly: true,
      sameSite: 'Strict',
      secure,
      maxAge: LIFETIME_SECONDS,
    });
  }

  /** The operator's token, undefined without a session that holds. */
  async token(c: Context): Promise<string | undefined> {
    const content = await this.open(getCookie(c, COOKIE));
    return typeof content?.['token'] === 'string' ? content['token'] : undefined;
  }

  /** Readable by us alone, and for so long. */
  seal(content: Readonly<Record<string, string>>, seconds: number): Promise<string> {
    return new EncryptJWT(content)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime(`${seconds} s`)
      .encrypt(this.#key);
  }

  /** What was sealed; undefined when it is not ours, was changed, or its time is over. */
  async open(sealed: string | undefined): Promise<Readonly<Record<string, unknown>> | undefined> {
    if (sealed === undefined) return undefined;
    try {
      const { payload } = await jwtDecrypt(sealed, this.#key, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return payload;
    } catch {
      // Expired, forged, or sealed by keys that have been replaced.
      return undefined;
    }
  }

  end(c: Context): void {
    deleteCookie(c, COOKIE, { path: PATH });
  }
}
