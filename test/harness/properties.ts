import * as fc from 'fast-check';

/** Which examples property tests try: the same in every run, so that what fails in one place fails in all. */
const SEED = 20_261_126;

/** `EUCORA_PROPERTY_SEED` is another seed, or `random`, which looks further and says what it took. */
function seedOf(asked: string | undefined): number {
  if (asked === undefined) return SEED;
  if (asked !== 'random') return Number(asked);
  const seed = Math.floor(Math.random() * 2 ** 31);
  process.stderr.write(`EUCORA_PROPERTY_SEED=${seed}\n`);
  return seed;
}

fc.configureGlobal({ seed: seedOf(process.env['EUCORA_PROPERTY_SEED']) });

export { fc };
