/** One thing that a process needs. */
export interface Dependency {
  readonly name: string;
  /** Resolves when the dependency answers; rejects otherwise. */
  check(): Promise<unknown>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, 'up' | 'down'>>;
}

const CHECK_TIMEOUT_MS = 2_000;
const REMEMBERED_MS = 500;

/** Asks all dependencies at once; asked more often than twice a second, it repeats its last answer. */
export class ReadinessProbe {
  readonly #dependencies: readonly Dependency[];
  #last: { at: number; answer: Promise<Readiness> } | undefined;

  constructor(dependencies: readonly Dependency[]) {
    this.#dependencies = dependencies;
  }

  check(): Promise<Readiness> {
    if (this.#last === undefined || Date.now() - this.#last.at > REMEMBERED_MS) {
      this.#last = { at: Date.now(), answer: this.#ask() };
    }
    return this.#last.answer;
  }

  async #ask(): Promise<Readiness> {
    const states = await Promise.all(
      this.#dependencies.map(async ({ name, check }) => [name, await answers(check)] as const),
    );
    return { ready: states.every(([, state]) => state === 'up'), checks: Object.fromEntries(states) };
  }
}

async function answers(check: () => Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'down'>((resolve) => {
    timer = setTimeout(() => resolve('down'), CHECK_TIMEOUT_MS);
  });
  const asked = check().then(
    () => 'up' as const,
    () => 'down' as const,
  );
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}
