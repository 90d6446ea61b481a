import { StringDecoder } from 'node:string_decoder';

const MAX_LINE = 2_000;
// Terminal sequences first, so that of them nothing is left; then what else does not print.
const SEQUENCES = /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b[@-_]/g;
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Cuts a tool's output into lines for the log, within a bound of bytes. */
export class LogLines {
  readonly #sink: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #left: number;

  constructor(sink: (line: string) => void, maxBytes: number) {
    this.#sink = sink;
    this.#left = maxBytes;
  }

  add(part: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(part)).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) this.#tell(line);
  }

  end(): void {
    this.#rest += this.#decoder.end();
    if (this.#rest !== '') this.#tell(this.#rest);
    this.#rest = '';
  }

  #tell(raw: string): void {
    if (this.#left <= 0) return;
    this.#left -= Buffer.byteLength(raw) + 1;
    if (this.#left <= 0) {
      this.#sink('[… further output is left out of the log]');
      return;
    }
    const line = raw.replace(SEQUENCES, '').replace(UNPRINTABLE, '').trimEnd().slice(0, MAX_LINE);
    if (line !== '') this.#sink(line);
  }
}
