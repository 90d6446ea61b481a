/** The middle one; of an even number, the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (Number.isInteger(middle))
    return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
  return sorted[Math.floor(middle)] ?? Number.NaN;
}

/**
 * Measures sides in turns, ours, floor, ours, floor, so that what disturbs the machine for a while meets all of them.
 *
 * @returns what each side gave, round by round
 */
export async function inTurns<Side extends string, Given>(
  rounds: number,
  sides: Readonly<Record<Side, (round: number) => Promise<Given>>>,
): Promise<Record<Side, Given[]>> {
  const names = Object.keys(sides) as Side[];
  const given = Object.fromEntries(names.map((name) => [name, [] as Given[]])) as Record<Side, Given[]>;
  for (let round = 1; round <= rounds; round += 1)
    for (const name of names) given[name].push(await sides[name](round));
  return given;
}
