import { scaleLinear, scaleLog } from 'd3-scale';
import { area, curveMonotoneX, line, stack } from 'd3-shape';
import { escaped, figure } from './markup.ts';

/** One value a moment; moments are those of the chart. */
export interface Curve {
  readonly name: string;
  readonly values: readonly number[];
  /** 1 to 6: a colour of the page. */
  readonly colour: number;
  readonly dashed?: boolean;
}

export interface Marker {
  readonly at: number;
  readonly says: string;
  /** Its number among all that happened. */
  readonly number: number;
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  /** Seconds. */
  readonly moments: readonly number[];
  readonly curves: readonly Curve[];
  readonly markers: readonly Marker[];
  /** Curves on top of each other, as parts of a whole. */
  readonly stacked?: boolean;
  /** For values of several orders of magnitude. */
  readonly logarithmic?: boolean;
}

const WIDTH = 560;
const HEIGHT = 250;
const LEFT = 52;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 30;
const FLAG_WIDTH = 14;
/** Steps of the time axis that people count in, in seconds. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];
const MOST_TIMES = 7;

type Scale = ((value: number) => number) & { ticks(count: number): number[] };

/** A chart as a figure with an SVG that takes its colours from the page. */
export function renderChart(chart: Chart): string {
  const { moments, curves, markers } = chart;
  const last = moments.at(-1) ?? 1;
  const x = scaleLinear([0, last], [LEFT, WIDTH - RIGHT]);
  const y = valueScale(chart);
  const nothing = curves.every(({ values }) => values.every((value) => !(value > 0)));
  const parts = [
    ...grid(chart, x, y),
    ...drawn(chart, nothing, x, y),
    ...flags(
      markers.filter(({ at }) => at <= last),
      x,
    ),
  ];
  const legend = curves
    .map(
      ({ name, colour, dashed }) =>
        `<span><i class="c${colour}${dashed === true ? ' dashed' : ''}"></i>${escaped(name)}</span>`,
    )
    .join('');
  return `<figure><figcaption>${escaped(chart.title)} <small>${escaped(chart.unit)}</small></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(`${chart.title}, ${chart.unit}`)}">${parts.join('')}</svg>
<div class="legend">${legend}</div></figure>`;
}

function drawn(chart: Chart, nothing: boolean, x: Scale, y: Scale): string[] {
  if (nothing)
    return [
      `<text class="tick none" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle">none</text>`,
    ];
  return chart.stacked === true ? stackedAreas(chart, x, y) : lines(chart, x, y);
}

/** What happened, where it did; numbers that would cover each other are left out. */
function flags(markers: readonly Marker[], x: Scale): string[] {
  let free = 0;
  return markers.map(({ at, says, number }) => {
    const where = x(at);
    const shown = where >= free;
    if (shown) free = where + FLAG_WIDTH;
    const label = shown
      ? `<text class="tick" x="${n(where)}" y="${TOP - 3}" text-anchor="middle">${number}</text>`
      : '';
    return `<g><title>${escaped(says)}</title><line class="marker" x1="${n(where)}" x2="${n(where)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>${label}</g>`;
  });
}

function valueScale({ curves, stacked, logarithmic, moments }: Chart): Scale {
  const range = [HEIGHT - BOTTOM, TOP] as const;
  if (logarithmic === true) {
    const values = curves.flatMap(({ values: all }) => all).filter((value) => value > 0);
    const least = Math.min(...values, 1_000);
    const most = Math.max(...values, least * 10);
    return scaleLog([least, most], range).nice();
  }
  const tops =
    stacked === true
      ? moments.map((_, index) => curves.reduce((sum, { values }) => sum + (values[index] ?? 0), 0))
      : curves.flatMap(({ values }) => values);
  return scaleLinear([0, Math.max(...tops, 1)], range).nice();
}

function grid({ logarithmic, moments }: Chart, x: Scale, y: Scale): string[] {
  const ticks =
    logarithmic === true ? y.ticks(4).filter((tick) => Number.isInteger(Math.log10(tick))) : y.ticks(5);
  const horizontal = ticks.map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(y(tick))}" y2="${n(y(tick))}"/>` +
      `<text class="tick" x="${LEFT - 6}" y="${n(y(tick) + 4)}" text-anchor="end">${short(tick)}</text>`,
  );
  const vertical = timesUpTo(moments.at(-1) ?? 0).map((tick) => {
    const label = tick >= 60 && tick % 60 === 0 ? `${tick / 60} min` : `${tick} s`;
    return `<text class="tick" x="${n(x(tick))}" y="${HEIGHT - 10}" text-anchor="middle">${label}</text>`;
  });
  return [...horizontal, ...vertical];
}

function timesUpTo(last: number): number[] {
  const every = TIME_STEPS.find((seconds) => last / seconds < MOST_TIMES) ?? Math.ceil(last / MOST_TIMES);
  return Array.from({ length: Math.floor(last / every) + 1 }, (_, step) => step * every);
}

function lines({ curves, moments, logarithmic }: Chart, x: Scale, y: Scale): string[] {
  const path = line<number>()
    .x((_, index) => x(moments[index] ?? 0))
    .y((value) => y(value))
    // Nothing is drawn where nothing was measured: a logarithm has no zero.
    .defined((value) => logarithmic !== true || value > 0)
    .curve(curveMonotoneX);
  return curves.map(
    ({ name, values, colour, dashed }) =>
      `<path class="line c${colour}${dashed === true ? ' dashed' : ''}" d="${path([...values]) ?? ''}"><title>${escaped(name)}</title></path>`,
  );
}

function stackedAreas({ curves, moments }: Chart, x: Scale, y: Scale): string[] {
  const names = curves.map(({ name }) => name);
  const rows = moments.map((_, index) =>
    Object.fromEntries(curves.map(({ name, values }) => [name, values[index] ?? 0])),
  );
  const shape = area<[number, number]>()
    .x((_, index) => x(moments[index] ?? 0))
    .y0(([low]) => y(low))
    .y1(([, high]) => y(high));
  return stack<Record<string, number>>()
    .keys(names)(rows)
    .map((layer, index) => {
      const points = layer.map(([low, high]): [number, number] => [low, high]);
      return `<path class="area c${curves[index]?.colour ?? 1}" d="${shape(points) ?? ''}"><title>${escaped(layer.key)}</title></path>`;
    });
}

const n = (value: number): string => value.toFixed(1);

function short(tick: number): string {
  if (tick >= 1_000_000) return `${figure(tick / 1_000_000)}M`;
  return tick >= 10_000 ? `${figure(tick / 1_000)}k` : figure(tick);
}
