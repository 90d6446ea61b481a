import { type Dispatcher, Pool } from 'undici';

export interface Answer {
  readonly bytes: number;
  readonly text: string;
}

/** A browser as far as a server sees one: keeps connections and the session, takes compressed answers. */
export class BrowserSession {
  readonly #pool: Pool;
  readonly #origin: string;
  #cookie = '';

  constructor(port: number, connections: number) {
    this.#origin = `http://127.0.0.1:${port}`;
    this.#pool = new Pool(this.#origin, { connections });
  }

  async logIn(token: string): Promise<void> {
    const answer = await this.#request('/console/login', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: this.#origin },
      body: new URLSearchParams({ token, next: '/console' }).toString(),
    });
    await answer.body.dump();
    const cookie = [answer.headers['set-cookie']].flat()[0]?.split(';')[0];
    if (answer.statusCode !== 303 || cookie === undefined)
      throw new Error(`The console let nobody in: ${answer.statusCode}`);
    this.#cookie = cookie;
  }

  /** @param encoding as browsers accept it @returns bytes as they came over the wire */
  async get(path: string, encoding?: 'gzip'): Promise<Answer> {
    const answer = await this.#request(path, {
      method: 'GET',
      headers: { cookie: this.#cookie, ...(encoding === undefined ? {} : { 'accept-encoding': encoding }) },
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    const text = encoding === undefined ? body.toString() : '';
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${text.slice(0, 500)}`);
    return { bytes: body.length, text };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #request(path: string, options: Omit<Dispatcher.RequestOptions, 'path'>) {
    return this.#pool.request({ ...options, path });
  }
}
