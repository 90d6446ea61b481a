import type { Progress } from '../../cli/engines/progress.ts';
import type { Cleanup } from './cleanup.ts';
import type { BenchFigures } from './result.ts';

export type OptionValue = string | number | boolean;

/** An option's default, which also says of what type its values are, and a line of help. */
export interface BenchOption<Value extends OptionValue = OptionValue> {
  readonly default: Value;
  readonly help: string;
}
export type BenchOptions = Readonly<Record<string, BenchOption>>;

type Widened<T> = T extends number ? number : T extends boolean ? boolean : string;
/** The values of options, typed by their defaults. */
export type ValuesOf<Options extends BenchOptions> = {
  readonly [Name in keyof Options]: Widened<Options[Name]['default']>;
};

export interface BenchContext {
  /** Tells people how far it is; goes to stderr. */
  readonly progress: Progress;
  /** What is left there is undone, last first, however the bench ends. */
  readonly cleanup: Cleanup;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Bench {
  readonly name: string;
  /** One line for the list of benches. */
  readonly summary: string;
  readonly options: BenchOptions;
  run(values: Readonly<Record<string, OptionValue>>, context: BenchContext): Promise<BenchFigures>;
}

/** A bench whose `run` gets values typed by the defaults of its options. */
export function defineBench<const Options extends BenchOptions>(bench: {
  readonly name: string;
  readonly summary: string;
  readonly options: Options;
  run(values: ValuesOf<Options>, context: BenchContext): Promise<BenchFigures>;
}): Bench {
  return { ...bench, run: (values, context) => bench.run(values as ValuesOf<Options>, context) };
}
