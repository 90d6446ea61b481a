/** A share to four places; null where there is nothing to share. */
export const share = (part: number, whole: number): number | null =>
  whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000;

export interface Judged<Label extends string> {
  readonly label: Label;
  /** Null when nobody gave an answer. */
  readonly said: Label | null;
  readonly confidence: number;
}

/** Accuracy, precision and recall a class, and which class was taken for which. */
export function classFigures<Label extends string>(
  labels: readonly Label[],
  judged: readonly Judged<Label>[],
) {
  const count = (test: (one: Judged<Label>) => boolean): number => judged.filter(test).length;
  const right = count(({ label, said }) => label === said);
  return {
    rows: judged.length,
    right,
    accuracy: share(right, judged.length),
    classes: Object.fromEntries(
      labels.map((label) => {
        const hits = count((one) => one.label === label && one.said === label);
        return [
          label,
          {
            rows: count((one) => one.label === label),
            precision: share(
              hits,
              count((one) => one.said === label),
            ),
            recall: share(
              hits,
              count((one) => one.label === label),
            ),
          },
        ];
      }),
    ),
    /** Rows are labels, columns what was said. */
    confusion: Object.fromEntries(
      labels.map((label) => [
        label,
        Object.fromEntries(
          labels.map((said) => [said, count((one) => one.label === label && one.said === said)]),
        ),
      ]),
    ),
  };
}

/** How often answers of about the same confidence were right. */
export function reliability<Label extends string>(
  judged: readonly Judged<Label>[],
  edges: readonly number[] = [0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95],
) {
  return edges.map((from, index) => {
    const to = edges[index + 1] ?? 1.001;
    const inside = judged.filter(({ confidence }) => confidence >= from && confidence < to);
    const mean = inside.reduce((sum, { confidence }) => sum + confidence, 0);
    return {
      from,
      to: Math.min(to, 1),
      rows: inside.length,
      confidence: share(mean, inside.length),
      right: share(inside.filter(({ label, said }) => label === said).length, inside.length),
    };
  });
}
