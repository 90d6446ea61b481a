import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { Objects } from './objects.ts';

export interface S3Settings {
  readonly bucket: string;
  readonly region: string;
  /** Before every key, such as `eucora/`. */
  readonly prefix: string;
  /** Of a server other than Amazon's. */
  readonly endpoint: string | undefined;
  /** `https://server/bucket/key` instead of `https://bucket.server/key`. */
  readonly pathStyle: boolean;
  /** Default: the chain of Amazon's library (environment, profile, role of the machine). */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  readonly stagingFolder: string;
}

const silent = (): void => undefined;
const SILENT = { trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** Objects in a bucket of S3, or of a server that speaks it. */
export class S3Objects implements Objects {
  readonly stagingFolder: string;
  readonly #client: S3Client;
  readonly #settings: S3Settings;

  constructor(settings: S3Settings) {
    this.#settings = settings;
    this.stagingFolder = settings.stagingFolder;
    this.#client = new S3Client({
      region: settings.region,
      forcePathStyle: settings.pathStyle,
      // The hash of the whole is sent along instead; not every server knows the newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // What goes wrong is thrown and logged by whoever asked; the library would write to the console.
      logger: SILENT,
      ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
      ...(settings.credentials === undefined ? {} : { credentials: settings.credentials }),
    });
  }

  async put(path: string, sha256: string, sizeBytes: number): Promise<void> {
    if ((await this.size(sha256)) !== undefined) return;
    const body = createReadStream(path);
    try {
      await this.#client.send(
        new PutObjectCommand({
          ...this.#at(sha256),
          Body: body,
          ContentLength: sizeBytes,
          ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
          // Whoever was quicker wrote the same.
          IfNoneMatch: '*',
        }),
      );
    } catch (error) {
      if (!(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 412) throw error;
    } finally {
      body.destroy();
    }
  }

  async size(sha256: string): Promise<number | undefined> {
    const found = await unlessMissing(this.#client.send(new HeadObjectCommand(this.#at(sha256))));
    return found?.ContentLength;
  }

  async read(sha256: string, start: number, end: number): Promise<Readable | undefined> {
    const range = end < start ? {} : { Range: `bytes=${start}-${end}` };
    const found = await unlessMissing(
      this.#client.send(new GetObjectCommand({ ...this.#at(sha256), ...range })),
    );
    if (found === undefined) return undefined;
    if (!(found.Body instanceof Readable)) throw new Error('The object store answered without a body');
    return found.Body;
  }

  async remove(sha256: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#at(sha256)));
  }

  #at(sha256: string): { Bucket: string; Key: string } {
    return {
      Bucket: this.#settings.bucket,
      Key: `${this.#settings.prefix}${sha256.slice(0, 2)}/${sha256}`,
    };
  }
}

async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) {
      // A missing bucket is a mistake in the settings, not a missing object.
      if (error.name !== 'NoSuchBucket') return undefined;
    }
    throw error;
  }
}
