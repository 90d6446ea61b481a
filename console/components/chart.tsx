import { duration, niceScale, short } from './scale.ts';

/** One value at a moment, in milliseconds since 1970, and the highest of its span. */
export interface Point {
  readonly at: number;
  readonly value: number;
  readonly peak?: number;
}

const WIDTH = 360;
const LEFT = 36;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 18;
/** Moments of a stacked chart. */
const DRAWN = 145;
/** Less than that has no room for marks of time that differ. */
const SHORTEST_MS = 5 * 60_000;
/** Marks of time between the first moment and now. */
const TIMES = 4;

interface Frame {
  readonly height: number;
  readonly from: number;
  readonly to: number;
  readonly top: number;
}

const xOf = ({ from, to }: Frame, at: number): number =>
  LEFT + ((at - from) / Math.max(1, to - from)) * (WIDTH - LEFT - RIGHT);
const yOf = ({ height, top }: Frame, value: number): number =>
  TOP + (1 - Math.min(value, top) / top) * (height - TOP - BOTTOM);

/** Points of a line as SVG writes them; those between two of the same height are left out, which changes nothing. */
function pointsOf(frame: Frame, moments: readonly number[], values: readonly number[]): string[] {
  const heights = values.map((value) => yOf(frame, value).toFixed(1));
  return moments.flatMap((moment, index) => {
    const level = heights[index] === heights[index - 1] && heights[index] === heights[index + 1];
    return level ? [] : [`${xOf(frame, moment).toFixed(1)},${heights[index]}`];
  });
}

/** Grid and words of both axes: values at the left, how long ago below. */
function Axes({ frame, marks, unit }: { frame: Frame; marks: readonly number[]; unit: string }) {
  const span = frame.to - frame.from;
  return (
    <g>
      {marks.map((mark) => (
        <>
          <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={yOf(frame, mark)} y2={yOf(frame, mark)} />
          <text class="tick" x={LEFT - 5} y={yOf(frame, mark) + 3} text-anchor="end">
            {`${short(mark)}${unit}`}
          </text>
        </>
      ))}
      {Array.from({ length: TIMES + 1 }, (_, index) => {
        const moment = frame.from + (span * index) / TIMES;
        const anchor = index === 0 ? 'start' : index === TIMES ? 'end' : 'middle';
        return (
          <text class="tick" x={xOf(frame, moment)} y={frame.height - 4} text-anchor={anchor}>
            {index === TIMES ? 'now' : `−${duration(frame.to - moment)}`}
          </text>
        );
      })}
    </g>
  );
}

interface ChartProps {
  readonly title: string;
  readonly points: readonly Point[];
  readonly unit: string;
  readonly max: number;
}

/** A line over time with its peaks as a band; what it shows is also said in words, for those who do not see it. */
export function Chart({ title, points, unit, max }: ChartProps) {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return <p class="empty">{title}: nothing was measured.</p>;
  const frame: Frame = { height: 130, from: first.at, to: last.at, top: max };
  const moments = points.map((point) => point.at);
  const line = pointsOf(
    frame,
    moments,
    points.map(({ value }) => value),
  );
  const peaks = pointsOf(
    frame,
    moments,
    points.map(({ value, peak }) => peak ?? value),
  );
  const highest = Math.max(...points.map(({ value, peak }) => peak ?? value));
  const now = `${Math.round(last.value)} ${unit}`;
  const most = `${Math.round(highest)} ${unit}`;
  return (
    <figure class="chart">
      <figcaption>
        {title} <strong>{now}</strong> <small>at most {most}</small>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${frame.height}`}
        role="img"
        aria-label={`${title}: ${now} now, ${most} at the most, over ${duration(last.at - first.at)}`}
      >
        <Axes frame={frame} marks={[0, max / 2, max]} unit={unit} />
        <polygon class="band" points={[...peaks, ...[...line].reverse()].join(' ')} />
        <polyline class="line" points={line.join(' ')} />
      </svg>
    </figure>
  );
}

/** Of a value a moment those that are drawn: a small chart shows no more, and pages stay light. */
function thinned(values: readonly number[]): number[] {
  const step = Math.max(1, Math.ceil(values.length / DRAWN));
  return values.filter((_value, index) => index % step === 0 || index === values.length - 1);
}

export interface Series {
  readonly name: string;
  /** Colour, by a class of the style sheet. */
  readonly tone: string;
  /** One a moment, in the order of `times`. */
  readonly values: readonly number[];
}

/** How a whole was made up over time: its parts stacked on each other, the first at the bottom. */
export function Stack({
  title,
  times,
  series,
}: {
  title: string;
  times: readonly number[];
  series: readonly Series[];
}) {
  const from = times[0];
  const to = times.at(-1);
  if (from === undefined || to === undefined || to - from < SHORTEST_MS)
    return (
      <figure class="chart">
        <figcaption>{title}</figcaption>
        <p class="empty">It is counted every few minutes: the picture comes with time.</p>
      </figure>
    );
  const moments = thinned(times);
  const ground = moments.map(() => 0);
  let below = ground;
  const edges = series.map(({ tone, values }) => {
    const under = below;
    below = thinned(values).map((value, place) => value + (under[place] ?? 0));
    return { tone, under, over: below };
  });
  const { top, marks } = niceScale(Math.max(...below));
  const frame: Frame = { height: 170, from, to, top };
  const now = series
    .map(({ name, values }) => `${name} ${(values.at(-1) ?? 0).toLocaleString('en')}`)
    .join(', ');
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${frame.height}`}
        role="img"
        aria-label={`${title}, over ${duration(to - from)}; now: ${now}`}
      >
        <Axes frame={frame} marks={marks} unit="" />
        {edges.map(({ tone, under, over }) => (
          <polygon
            class={`area ${tone}`}
            points={[...pointsOf(frame, moments, over), ...pointsOf(frame, moments, under).reverse()].join(
              ' ',
            )}
          />
        ))}
      </svg>
      <ul class="legend">
        {series.map(({ name, tone, values }) => (
          <li>
            <span class={`key ${tone}`} aria-hidden="true" /> {name}{' '}
            <strong>{(values.at(-1) ?? 0).toLocaleString('en')}</strong>
          </li>
        ))}
      </ul>
    </figure>
  );
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
