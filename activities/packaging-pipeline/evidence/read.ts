import { dsseEnvelopeSchema } from '../../../contracts/packaging-pipeline/dsse.ts';
import { type Statement, statementSchema } from '../../../contracts/packaging-pipeline/evidence.ts';
import type { ContentStore } from '../../../runtime/content-store/content-store.ts';

/** A document of our own store, which is checked against its hash. */
export async function readStatement(content: ContentStore, sha256: string): Promise<Statement> {
  const envelope = dsseEnvelopeSchema.parse(JSON.parse((await content.bytes(sha256)).toString('utf8')));
  return statementSchema.parse(JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')));
}
