import type { Deployment, DeploymentRing } from '../../contracts/deployment/deployment.ts';
import type { Io } from '../client/io.ts';
import { cleanLine, toJson, truncate } from './clean.ts';
import type { Printer } from './printer.ts';

const BAR_WIDTH = 24;
const DEFAULT_WIDTH = 100;
/** Up so many lines, to the first column, and erase what follows. */
const backOver = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}A\r\u001b[0J`);

const of = (ring: DeploymentRing, ...states: (keyof DeploymentRing['devices'])[]): number =>
  states.reduce((sum, state) => sum + (ring.devices[state] ?? 0), 0);

export const sizeOfRing = (ring: DeploymentRing): number =>
  Object.values(ring.devices).reduce((sum, devices) => sum + devices, 0);

/** `#` installed, `+` at work, `x` failed or sick, `<` going or gone back, `.` not yet. */
export function barOf(ring: DeploymentRing, width = BAR_WIDTH): string {
  const size = sizeOfRing(ring);
  if (size === 0) return ' '.repeat(width);
  const parts: [string, number][] = [
    ['#', of(ring, 'INSTALLED', 'SKIPPED')],
    ['x', of(ring, 'FAILED', 'SICK', 'ROLLBACK_FAILED')],
    ['<', of(ring, 'ROLLING_BACK', 'ROLLED_BACK')],
    ['+', of(ring, 'DISPATCHED')],
    ['.', of(ring, 'WAITING')],
  ];
  // Cut at the sums, so that the parts fill the bar exactly.
  let before = 0;
  return parts
    .map(([sign, count]) => {
      const from = Math.round((before / size) * width);
      before += count;
      return sign.repeat(Math.round((before / size) * width) - from);
    })
    .join('');
}

const WORDS = [
  ['INSTALLED', 'installed'],
  ['FAILED', 'failed'],
  ['SICK', 'sick'],
  ['SKIPPED', 'left out'],
  ['DISPATCHED', 'at work'],
  ['ROLLING_BACK', 'going back'],
  ['ROLLED_BACK', 'gone back'],
  ['ROLLBACK_FAILED', 'could not go back'],
] as const;

export function ringLine(ring: DeploymentRing, nameWidth: number): string {
  const counts = WORDS.flatMap(([state, word]) => {
    const devices = ring.devices[state] ?? 0;
    return devices === 0 ? [] : [`${devices} ${word}`];
  });
  const size = sizeOfRing(ring);
  const told =
    size === 0 ? 'no devices yet' : `${size} devices${counts.length === 0 ? '' : `: ${counts.join(', ')}`}`;
  return cleanLine(`${ring.name.padEnd(nameWidth)} [${barOf(ring)}] ${ring.state.padEnd(7)} ${told}`);
}

/**
 * A deployment as its rings fill. A terminal is drawn over again; programs get a line of JSON a change; everything else
 * the lines that differ from those shown before.
 */
export class DeploymentView {
  readonly #io: Io;
  readonly #out: Printer;
  readonly #live: boolean;
  #shown: readonly string[] = [];
  #seen = '';
  #lost = false;

  constructor(io: Io, out: Printer) {
    this.#io = io;
    this.#out = out;
    this.#live = io.stdout.isTTY === true && !out.json;
  }

  /** Shows both; tells whether anything has changed. */
  show(deployment: Deployment, rings: readonly DeploymentRing[]): boolean {
    if (this.#lost) this.#out.note('the platform answers again');
    this.#lost = false;
    const fingerprint = toJson([deployment.status, deployment.reason, rings]);
    const changed = fingerprint !== this.#seen;
    this.#seen = fingerprint;
    if (!changed) return false;
    if (this.#out.json) {
      this.#io.stdout.write(`${toJson({ ...deployment, rings })}\n`);
      return true;
    }
    const width = Math.max(...rings.map(({ name }) => name.length), 0);
    const head = cleanLine(`${deployment.status}  ${deployment.name}  ${deployment.reason}`);
    const lines = [head, ...rings.map((ring) => ringLine(ring, width))];
    if (this.#live) this.#redraw(lines, deployment.status);
    else
      for (const line of lines.filter((one) => !this.#shown.includes(one)))
        this.#io.stdout.write(`${line}\n`);
    this.#shown = lines;
    return true;
  }

  /** The platform does not answer; said once an outage. */
  lost(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#out.note('the platform does not answer; trying on');
    // What was noted stands below what was drawn.
    this.#shown = [];
  }

  #redraw(lines: readonly string[], status: string): void {
    const columns = this.#io.stdout.columns ?? 0;
    const width = (columns > 0 ? columns : DEFAULT_WIDTH) - 1;
    const drawn = lines.map((line) => truncate(line, width));
    const [head = '', ...rings] = drawn;
    const painted = [head.replace(status, this.#out.status(status)), ...rings];
    this.#io.stdout.write(`${backOver(this.#shown.length)}${painted.join('\n')}\n`);
  }
}
