import { createReadStream } from 'node:fs';

/** A file's bytes. It is opened by whoever reads them: what is refused before costs no handle, and a file that is gone is told then. */
export async function* contentOf(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path) as AsyncIterable<Buffer>;
}
