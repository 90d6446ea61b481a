import { connect, createServer } from 'node:net';
import { EngineError } from './errors.ts';

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.setTimeout(500, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

async function binds(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}

/** Whether we could listen there now. Some systems let 127.0.0.1 bind beside 0.0.0.0: so it is called, too. */
export async function isFree(port: number, host: string = '127.0.0.1'): Promise<boolean> {
  return (await binds(port, host)) !== undefined && !(await answers(port));
}

/** Hands out ports, none twice: the preferred one, else the next free one above it; 0 takes any. */
export class PortChooser {
  readonly #given = new Set<number>();

  /** @throws EngineError when 200 ports from the preferred one on are all taken. */
  async choose(preferred: number, host: string = '127.0.0.1'): Promise<number> {
    if (preferred === 0) return this.#any(host);
    const last = Math.min(preferred + 200, 65_535);
    for (let port = preferred; port <= last; port += 1) {
      if (this.#given.has(port)) continue;
      // Before it is looked at: of several that ask at once, one gets it.
      this.#given.add(port);
      if (await isFree(port, host)) return port;
      this.#given.delete(port);
    }
    throw new EngineError(`no free port between ${preferred} and ${last} on ${host}`);
  }

  async #any(host: string): Promise<number> {
    for (;;) {
      const port = await binds(0, host);
      if (port === undefined) throw new EngineError(`no port can be opened on ${host}`);
      if (this.#given.has(port)) continue;
      this.#given.add(port);
      return port;
    }
  }
}
