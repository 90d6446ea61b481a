import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';

export const BUCKET = 'eucora';
export const CREDENTIALS = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' } as const;

/** A server that speaks S3, with one empty bucket. */
export interface TestBucket {
  readonly endpoint: string;
  /** Settings of a platform that keeps its artifacts there. */
  readonly settings: Readonly<Record<string, string>>;
  dispose(): Promise<void>;
}

export async function testBucket(): Promise<TestBucket> {
  const directory = await mkdtemp(join(tmpdir(), 'eucora-bucket-'));
  const configureBuckets = [{ name: BUCKET, configs: [] }];
  const server = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets });
  const { port } = await server.run();
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    settings: {
      EUCORA_S3_BUCKET: BUCKET,
      EUCORA_S3_ENDPOINT: endpoint,
      EUCORA_S3_PATH_STYLE: 'true',
      EUCORA_S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      EUCORA_S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    },
    dispose: async () => {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
