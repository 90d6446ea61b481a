import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { create } from 'tar';

export interface DownloadServer {
  readonly base: string;
  /** Paths with queries that were asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

async function listen(handler: (base: string) => RequestListener): Promise<DownloadServer> {
  const asked: string[] = [];
  let base = '';
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    handler(base)(request, response);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    base,
    asked,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What Temporal's download address answers, with a shell script as the program, or in one of its broken forms. */
export async function downloadServer(
  folder: string,
  program: { readonly name: string; readonly content: string },
  fault:
    | 'none'
    | 'cut'
    | 'stalls'
    | 'missing'
    | 'no archive'
    | 'garbage'
    | 'other content'
    | 'silent' = 'none',
): Promise<DownloadServer> {
  const inside = join(folder, 'archive', 'build');
  await mkdir(inside, { recursive: true });
  await writeFile(join(inside, program.name), program.content);
  const file = join(folder, 'archive.tar.gz');
  await create({ file, gzip: true, cwd: join(folder, 'archive') }, ['build']);
  const archive = fault === 'garbage' ? Buffer.from('this is no archive') : await readFile(file);
  return listen((base) => (request, response) => {
    if (fault === 'silent') return;
    if (fault === 'missing') return void response.writeHead(404).end();
    if (request.url !== '/archive.tar.gz') {
      const fileToExtract = fault === 'other content' ? 'build/else' : `build/${program.name}`;
      return void response.end(JSON.stringify({ archiveUrl: `${base}/archive.tar.gz`, fileToExtract }));
    }
    if (fault === 'no archive') return void response.writeHead(503).end();
    if (fault === 'none' || fault === 'garbage' || fault === 'other content') {
      return void response.writeHead(200, { 'content-length': archive.length }).end(archive);
    }
    response.writeHead(200, { 'content-length': archive.length });
    response.write(archive.subarray(0, archive.length / 2), () => {
      if (fault === 'cut') response.socket?.destroy();
    });
  });
}
