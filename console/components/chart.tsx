/** One value at a moment, in milliseconds since 1970. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

interface ChartProps {
  readonly title: string;
  readonly points: readonly Point[];
  readonly unit: string;
  readonly max: number;
}

const WIDTH = 320;
const HEIGHT = 90;
const LEFT = 30;
const BOTTOM = 14;

/** A line over time; what it shows is also said in words, for those who do not see it. */
export function Chart({ title, points, unit, max }: ChartProps) {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return <p class="empty">{title}: nothing was measured.</p>;
  const span = Math.max(1, last.at - first.at);
  const x = (at: number) => LEFT + ((at - first.at) / span) * (WIDTH - LEFT - 4);
  const y = (value: number) => 4 + (1 - Math.min(value, max) / max) * (HEIGHT - BOTTOM - 8);
  const line = points.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  const highest = Math.max(...points.map(({ value }) => value));
  const words = `${title}: ${show(last.value, unit)} now, ${show(highest, unit)} at the most, over ${duration(span)}`;
  return (
    <figure class="chart">
      <figcaption>
        {title} <strong>{show(last.value, unit)}</strong>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words}>
        {[0, 0.5, 1].map((part) => (
          <>
            <line class="grid" x1={LEFT} x2={WIDTH} y1={y(part * max)} y2={y(part * max)} />
            <text class="tick" x={LEFT - 4} y={y(part * max) + 3} text-anchor="end">
              {Math.round(part * max)}
            </text>
          </>
        ))}
        <polyline class="line" points={line} />
        <text class="tick" x={LEFT} y={HEIGHT - 2}>
          {duration(span)} ago
        </text>
        <text class="tick" x={WIDTH - 2} y={HEIGHT - 2} text-anchor="end">
          now
        </text>
      </svg>
    </figure>
  );
}

const show = (value: number, unit: string): string => `${Math.round(value)} ${unit}`.trimEnd();

function duration(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 120) return `${Math.max(1, Math.round(minutes))} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`;
}

/** Parts of a whole as bars, each a link to those that it counts. */
export function Bars({
  title,
  counts,
  link,
}: {
  title: string;
  counts: readonly (readonly [string, number])[];
  link: (name: string) => string;
}) {
  const whole = counts.reduce((sum, [, count]) => sum + count, 0);
  return (
    <figure class="bars">
      <figcaption>{title}</figcaption>
      <ul>
        {counts.map(([name, count]) => (
          <li>
            <a href={link(name)}>{name}</a>
            <meter
              min={0}
              max={Math.max(1, whole)}
              value={count}
              aria-label={`${name}: ${count} of ${whole}`}
            />
            <span class="count">{count.toLocaleString('en')}</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}
