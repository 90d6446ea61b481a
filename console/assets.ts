import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AddPages } from './types.ts';

const TYPES = {
  'console.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

/** Styles and script, read once; browsers ask again only whether they have changed. */
export const addAssets: AddPages = (app) => {
  for (const [name, type] of Object.entries(TYPES)) {
    let kept: Promise<{ content: Uint8Array<ArrayBuffer>; etag: string }> | undefined;
    app.get(`/console/assets/${name}`, async (c) => {
      kept ??= read(name);
      const { content, etag } = await kept;
      const headers = { ETag: etag, 'Cache-Control': 'no-cache' };
      if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
      return c.body(content, 200, { ...headers, 'Content-Type': type });
    });
  }
};

async function read(name: string): Promise<{ content: Uint8Array<ArrayBuffer>; etag: string }> {
  const content = new Uint8Array(await readFile(new URL(`./assets/${name}`, import.meta.url)));
  return { content, etag: `"${createHash('sha256').update(content).digest('base64url')}"` };
}
