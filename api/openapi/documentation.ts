import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { App } from '../routes/types.ts';
import { openApiDocument } from './document.ts';

/** Files of the Swagger UI package that the page needs, with their types. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>EUCORA API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, persistAuthorization: false });\n`;

/** Everything comes from here; Swagger UI sets styles and shows pictures that are part of it. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * The OpenAPI document and a page to try it. Both are public: they hold nothing but what the source says, and
 * whoever calls the API from the page still needs a token. So that strangers cost little, everything is made or
 * read once.
 */
export function addDocumentation(app: App, agentApp: App, agentUrl: () => string): void {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const add = (path: string, type: string, make: () => string | Promise<Buffer>, maxAge = 0) => {
    const kept = once(async () => keep(await make()));
    app.get(path, async (c) => {
      const { content, etag } = await kept();
      const headers = { ETag: etag, 'Cache-Control': maxAge === 0 ? 'no-cache' : `max-age=${maxAge}` };
      if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
      return c.body(content, 200, { 'Content-Type': type, ...headers });
    });
  };
  add('/openapi.json', 'application/json', () => JSON.stringify(openApiDocument(app, agentApp, agentUrl())));
  app.get('/docs', (c) => c.html(PAGE, 200, { 'Content-Security-Policy': CONTENT_SECURITY_POLICY }));
  add('/docs/start.js', 'text/javascript; charset=utf-8', () => START);
  for (const [name, type] of Object.entries(ASSETS))
    add(`/docs/${name}`, type, () => readFile(join(folder, name)), 86_400);
}

function keep(made: string | Buffer): { content: Uint8Array<ArrayBuffer>; etag: string } {
  const content = new Uint8Array(Buffer.from(made));
  return { content, etag: `"${createHash('sha256').update(content).digest('base64url')}"` };
}

/** What `make` gave the first time it succeeded. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
