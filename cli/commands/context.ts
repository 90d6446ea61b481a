import type { Command } from 'commander';
import { z } from 'zod';
import { Api } from '../client/api.ts';
import { connect } from '../client/connection.ts';
import type { Io } from '../client/io.ts';
import { hostFacts } from '../engines/cache.ts';
import { Printer } from '../output/printer.ts';
import { dataDirectory } from '../platform/paths.ts';

const globalsSchema = z.object({
  api: z.string().optional(),
  tokenFile: z.string().optional(),
  dataDir: z.string().optional(),
  json: z.boolean().default(false),
  utc: z.boolean().default(false),
  correlationId: z.string(),
});
export type Globals = z.infer<typeof globalsSchema>;

/** What a command works with. */
export interface Context {
  readonly io: Io;
  readonly out: Printer;
  readonly dataDirectory: string;
  readonly correlationId: string;
  /** Asks for platform and token on first use. */
  readonly api: () => Promise<Api>;
}

export type Work<O> = (context: Context, options: O, args: readonly string[]) => Promise<void>;

/** Ties commands to the world: turns what commander read into typed options and a context. */
export class Runtime {
  readonly #io: Io;

  constructor(io: Io) {
    this.#io = io;
  }

  get io(): Io {
    return this.#io;
  }

  /** The action of `command`: `options` names the options it reads, its own and its parents'. */
  act<S extends z.ZodObject>(command: Command, options: S, work: Work<z.infer<S>>): Command {
    return command.action(async () => {
      const given: unknown = command.optsWithGlobals();
      const globals = globalsSchema.parse(given);
      let api: Promise<Api> | undefined;
      const context: Context = {
        io: this.#io,
        out: new Printer(this.#io, globals),
        dataDirectory: globals.dataDir ?? dataDirectory(hostFacts({ ...this.#io.env })),
        correlationId: globals.correlationId,
        api: () => {
          api ??= this.#open(globals);
          return api;
        },
      };
      try {
        await work(context, options.parse(given), command.args);
      } finally {
        await (await api?.catch(() => undefined))?.close();
      }
    });
  }

  async #open(globals: Globals): Promise<Api> {
    const connection = await connect(this.#io, {
      api: globals.api,
      tokenFile: globals.tokenFile,
      dataDirectory: globals.dataDir ?? dataDirectory(hostFacts({ ...this.#io.env })),
    });
    if (connection.exposed) {
      this.#io.stderr.write(`eucora: warning: the token goes unencrypted to ${connection.base}\n`);
    }
    return new Api(this.#io, connection, globals.correlationId);
  }
}

export const noOptions = z.object({});

/** The first argument, which commander has made sure of. */
export const argumentOf = (args: readonly string[]): string => args[0] ?? '';
