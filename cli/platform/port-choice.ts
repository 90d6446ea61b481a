import { messageOf } from '../engines/errors.ts';
import { isPortConflict } from '../engines/listeners.ts';
import { isFree, PortChooser } from '../engines/ports.ts';
import { type Progress, warn } from '../engines/progress.ts';
import { type Environment, type PlatformPorts, preferredPort } from './environment.ts';

const PORT_ATTEMPTS = 4;

/** Chooses ports at the last moment; what still loses one to another process is started again on others. */
export class Ports {
  readonly #chooser = new PortChooser();
  readonly #given: Partial<PlatformPorts>;
  readonly #env: Environment;
  readonly #progress: Progress;

  constructor(given: Partial<PlatformPorts>, env: Environment, progress: Progress) {
    this.#given = given;
    this.#env = env;
    this.#progress = progress;
  }

  wanted(name: keyof PlatformPorts): number {
    return preferredPort(name, this.#given, this.#env);
  }

  async choose(name: keyof PlatformPorts, what: string, host?: string): Promise<number> {
    const wanted = this.wanted(name);
    const port = await this.#chooser.choose(wanted, host);
    if (wanted !== 0 && port !== wanted)
      warn(this.#progress, `port ${wanted} is taken: ${what} moved to ${port}`);
    return port;
  }

  /** The port of before, as long as nobody else has taken it meanwhile. */
  async keep(before: number | undefined, name: keyof PlatformPorts, what: string): Promise<number> {
    return before !== undefined && (await isFree(before)) ? before : this.choose(name, what);
  }

  async retry<T>(attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (count === PORT_ATTEMPTS || !isPortConflict(messageOf(error))) throw error;
      }
    }
  }
}
