/** The seed of a property test: told, so that a failure can be repeated by EUCORA_PROPERTY_SEED. */
export function propertySeed(): number {
  const given = process.env['EUCORA_PROPERTY_SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  process.stderr.write(`EUCORA_PROPERTY_SEED=${seed}\n`);
  return seed;
}
