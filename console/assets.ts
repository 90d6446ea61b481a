import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { AddPages } from './types.ts';

const TYPES = {
  'console.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;
type AssetName = keyof typeof TYPES;

interface Asset {
  readonly type: string;
  readonly version: string;
  /** By encoding, the smallest first, so that it is chosen where a browser takes it. */
  readonly forms: Readonly<Record<'br' | 'gzip' | 'identity', Uint8Array<ArrayBuffer>>>;
}

/** Read and compressed once, when the API starts. */
const ASSETS = new Map(
  (Object.keys(TYPES) as AssetName[]).map((name): [string, Asset] => {
    const content = readFileSync(new URL(`./assets/${name}`, import.meta.url));
    const version = createHash('sha256').update(content).digest('base64url').slice(0, 16);
    const forms = {
      br: new Uint8Array(brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })),
      gzip: new Uint8Array(gzipSync(content, { level: 9 })),
      identity: new Uint8Array(content),
    };
    return [name, { type: TYPES[name], version, forms }];
  }),
);

/** Address of an asset that changes with its content, so that browsers keep it for good. */
export const assetUrl = (name: AssetName): string =>
  `/console/assets/${name}?v=${ASSETS.get(name)?.version ?? ''}`;

/** Styles and script. By their own address they are kept for good, by a plain one they are asked for again. */
export const addAssets: AddPages = (app) => {
  app.get('/console/assets/:name', (c) => {
    const asset = ASSETS.get(c.req.param('name'));
    if (asset === undefined) return c.notFound();
    const { type, version, forms } = asset;
    const accepted = c.req.header('accept-encoding') ?? '';
    const encoding = (['br', 'gzip'] as const).find((one) => new RegExp(`\\b${one}\\b`).test(accepted));
    const etag = `"${version}-${encoding ?? 'plain'}"`;
    const lasting = c.req.query('v') === version;
    const headers = {
      ETag: etag,
      Vary: 'Accept-Encoding',
      'Cache-Control': lasting ? 'public, max-age=31536000, immutable' : 'no-cache',
    };
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
    return c.body(forms[encoding ?? 'identity'], 200, {
      ...headers,
      'Content-Type': type,
      ...(encoding === undefined ? {} : { 'Content-Encoding': encoding }),
    });
  });
};
