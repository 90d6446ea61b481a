import type { Scope } from '../../../contracts/access/access.ts';
import type { World } from '../../api/support/world.ts';

/** What a page answered; text as it stands in the HTML. */
export interface Read {
  readonly status: number;
  readonly html: string;
  readonly location: string | null;
}

/** An operator who reads and sends forms without a browser: what the server makes of both, quickly. */
export class Reader {
  readonly #origin: string;
  readonly #cookie: string;

  private constructor(origin: string, cookie: string) {
    this.#origin = origin;
    this.#cookie = cookie;
  }

  static async logIn(world: World, ...scopes: Scope[]): Promise<Reader> {
    const origin = world.api.operatorUrl;
    const response = await fetch(`${origin}/console/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin },
      body: new URLSearchParams({ token: await world.token(...scopes) }),
    });
    return new Reader(origin, response.headers.get('set-cookie')?.split(';')[0] ?? '');
  }

  get(path: string): Promise<Read> {
    return this.#send(path, {});
  }

  post(path: string, form: Record<string, string> | [string, string][] = {}): Promise<Read> {
    return this.#send(path, { method: 'POST', body: new URLSearchParams(form) });
  }

  async #send(path: string, init: RequestInit): Promise<Read> {
    const response = await fetch(this.#origin + path, {
      ...init,
      redirect: 'manual',
      headers: { origin: this.#origin, cookie: this.#cookie },
    });
    return {
      status: response.status,
      html: await response.text(),
      location: response.headers.get('location'),
    };
  }
}
