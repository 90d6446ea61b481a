import { join } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import { ContentStore, type ContentStoreOptions } from './content-store.ts';
import { FileObjects } from './file-objects.ts';
import type { Objects } from './objects.ts';

/** The store that the settings name: a bucket where one is given, else a folder. */
export async function openContentStore(
  config: Config,
  admit: ContentStoreOptions['admit'],
): Promise<ContentStore> {
  return new ContentStore({
    objects: await openObjects(config),
    maxBytes: config.EUCORA_MAX_ARTIFACT_BYTES,
    admit,
  });
}

async function openObjects(config: Config): Promise<Objects> {
  const folder = config.EUCORA_STORE_DIR ?? join(config.EUCORA_DATA_DIR, 'artifacts');
  const bucket = config.EUCORA_S3_BUCKET;
  if (bucket === undefined) return new FileObjects(folder);
  // Loaded only where it is used: the library is large.
  const { S3Objects } = await import('./s3-objects.ts');
  const accessKeyId = config.EUCORA_S3_ACCESS_KEY_ID;
  const secretAccessKey = config.EUCORA_S3_SECRET_ACCESS_KEY;
  return new S3Objects({
    bucket,
    region: config.EUCORA_S3_REGION,
    prefix: config.EUCORA_S3_PREFIX,
    endpoint: config.EUCORA_S3_ENDPOINT,
    pathStyle: config.EUCORA_S3_PATH_STYLE,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey },
    stagingFolder: folder,
  });
}
