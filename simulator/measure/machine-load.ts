import { cpus } from 'node:os';

/** How busy this machine's processors were since the last look, as a share of all of them. */
export class MachineLoad {
  #last = times();

  /** @returns 0 to 1; 0 when no time has passed */
  look(): number {
    const now = times();
    const all = now.all - this.#last.all;
    const idle = now.idle - this.#last.idle;
    this.#last = now;
    return all <= 0 ? 0 : 1 - idle / all;
  }
}

function times(): { readonly idle: number; readonly all: number } {
  let idle = 0;
  let all = 0;
  for (const { times: spent } of cpus()) {
    idle += spent.idle;
    all += spent.user + spent.nice + spent.sys + spent.idle + spent.irq;
  }
  return { idle, all };
}
