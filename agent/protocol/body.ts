/** Errors are explained in far less; more is a fault, or meant to fill the memory. */
export const MAX_ERROR_BODY_BYTES = 65_536;

/** The text of a body; undefined, with the connection given up, when it is larger than `maxBytes`. */
export async function textWithin(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    // Leaving the loop destroys the body and with it the connection.
    if (size > maxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
