import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Agent } from 'undici';
import { artifactUrl, Downloader, type Fetch } from '../../agent/deploy/download.ts';
import type { ArtifactReference } from '../../contracts/agent-task/payload.ts';
import { captureLog, QUICK, removeFolders, sha256, temporaryFolder } from './support.ts';

const content = Buffer.from(Array.from({ length: 200_000 }, (_, n) => n % 251));
const hash = sha256(content);
const dispatcher = new Agent();
const elsewhere = new Agent();
let server: Server;
let url: string;
let handler: RequestListener;
const ranges: (string | undefined)[] = [];
const signal = new AbortController().signal;
const TASK = '00000000-0000-4000-8000-000000000001';
const of = (artifact: ArtifactReference, more: Partial<Fetch> = {}): Fetch => ({
  artifact,
  taskId: TASK,
  signal,
  onProgress: () => undefined,
  ...more,
});

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await dispatcher.destroy();
  await elsewhere.destroy();
  server.closeAllConnections();
  server.close();
  removeFolders();
});
beforeEach(() => {
  ranges.length = 0;
  toCut.length = 0;
});

/** Answers that have sent all that they are going to: each breaks when the download has taken this in. */
const toCut: { readonly at: number; readonly response: ServerResponse }[] = [];
const cut = (bytes: number): void => {
  for (const { at, response } of toCut) if (bytes >= at) response.destroy();
};

/** Serves the content, at most `cutAfter` bytes of it; the connection then breaks by `cut`. */
const serving =
  (cutAfter = Number.POSITIVE_INFINITY): RequestListener =>
  (request, response) => {
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    if (rest.length <= cutAfter) response.end(rest);
    else {
      response.write(rest.subarray(0, cutAfter));
      toCut.push({ at: start + cutAfter, response });
    }
  };

function downloader(directory = temporaryFolder(), more = {}) {
  return {
    directory,
    downloader: new Downloader({
      directory,
      server: url,
      platform: () => dispatcher,
      elsewhere: () => elsewhere,
      log: captureLog().log,
      backoff: QUICK,
      maxFruitlessAttempts: 3,
      maxBytes: 1_000_000,
      ...more,
    }),
  };
}

describe('an artifact', () => {
  it('lies in the platform’s store, at a path there, or elsewhere; only by http(s)', () => {
    const at = (artifact: string | undefined, base = 'https://p.example:8443/eucora') =>
      artifactUrl({ sha256: hash, ...(artifact === undefined ? {} : { url: artifact }) }, base).href;
    expect(at(undefined)).toBe(`https://p.example:8443/eucora/api/v1/artifacts/${hash}`);
    expect(at('/files/x.deb')).toBe('https://p.example:8443/files/x.deb');
    expect(at('https://cdn.example/x')).toBe('https://cdn.example/x');
    expect(() => at('file:///etc/passwd')).toThrow(/not by file:/);
  });

  it('is downloaded, with progress', async () => {
    handler = serving();
    const { downloader: loader, directory } = downloader();
    const progress: [number, number | undefined][] = [];
    const path = await loader.fetch(
      of({ sha256: hash, size_bytes: content.length }, { onProgress: (...told) => progress.push(told) }),
    );
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(progress.at(-1)).toEqual([content.length, content.length]);
    expect(readdirSync(directory)).toEqual([`${hash}.${TASK}`]);
  });

  it('is resumed where it was cut off', async () => {
    handler = serving(60_000);
    const path = await downloader().downloader.fetch(of({ sha256: hash }, { onProgress: cut }));
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(ranges).toEqual([undefined, 'bytes=60000-', 'bytes=120000-', 'bytes=180000-']);
  });

  it('is resumed by an agent that was started anew', async () => {
    handler = serving();
    const directory = temporaryFolder();
    writeFileSync(join(directory, `${hash}.${TASK}.part`), content.subarray(0, 1_000));
    await downloader(directory).downloader.fetch(of({ sha256: hash }));
    expect(ranges).toEqual(['bytes=1000-']);
  });

  it('begins anew when what was here before was spoilt', async () => {
    handler = serving();
    const directory = temporaryFolder();
    writeFileSync(join(directory, `${hash}.part`), 'garbage');
    const path = await downloader(directory).downloader.fetch(of({ sha256: hash }));
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(ranges).toEqual(['bytes=7-', undefined]);
  });

  it('begins anew where the server knows no ranges', async () => {
    handler = (_request, response) => response.writeHead(200).end(content);
    const directory = temporaryFolder();
    writeFileSync(join(directory, `${hash}.part`), content.subarray(0, 500));
    const path = await downloader(directory).downloader.fetch(of({ sha256: hash }));
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it.each([
    ['the range is refused', (): [number, Record<string, string>] => [416, {}]],
    [
      'another range comes',
      (): [number, Record<string, string>] => [206, { 'content-range': 'bytes 6-7/9' }],
    ],
  ])('begins anew when %s', async (_what, first) => {
    handler = (request, response) => {
      if (request.headers.range === undefined) return serving()(request, response);
      const [status, headers] = first();
      return response.writeHead(status, headers).end('xx');
    };
    const directory = temporaryFolder();
    writeFileSync(join(directory, `${hash}.part`), 'garbage');
    const path = await downloader(directory).downloader.fetch(of({ sha256: hash }));
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(ranges).toEqual(['bytes=7-', undefined]);
  });

  it.each([
    [
      'hash',
      { sha256: sha256('other') },
      /refused: its SHA-256 is [0-9a-f]{64}, not .*nothing was installed/,
    ],
    ['size (too small)', { sha256: hash, size_bytes: 300_000 }, /it has 200000 bytes, not 300000/],
    ['size (too large)', { sha256: hash, size_bytes: 10 }, /larger than its 10 bytes/],
    ['place', { sha256: hash, url: 'ftp://x/y' }, /not by ftp:/],
  ])('of the wrong %s is refused, and nothing of it is left', async (_what, artifact, message) => {
    handler = serving();
    const { downloader: loader, directory } = downloader();
    await expect(loader.fetch(of(artifact))).rejects.toThrow(message);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('that is not there is not asked for twice', async () => {
    handler = (_request, response) =>
      response.writeHead(404).end('{"code":"not-found","detail":"no such artifact"}');
    await expect(downloader().downloader.fetch(of({ sha256: hash }))).rejects.toThrow(
      /could not be fetched: no such artifact/,
    );
    expect(ranges).toHaveLength(1);
  });

  it('is given up after attempts without a byte, but waits for a busy platform', async () => {
    handler = (_request, response) => response.writeHead(503, { 'retry-after': '0' }).end();
    await expect(downloader().downloader.fetch(of({ sha256: hash }))).rejects.toThrow(
      /given up after 3 attempts/,
    );
    expect(ranges).toHaveLength(3);
    let failures = 2;
    handler = (request, response) => {
      failures -= 1;
      if (failures < 0) serving()(request, response);
      else request.socket.destroy();
    };
    await downloader().downloader.fetch(of({ sha256: hash }));
  });

  it('is not fetched any more when the task is stopped', async () => {
    const abort = new AbortController();
    handler = () => setTimeout(() => abort.abort(new Error('cancelled')), 20);
    await expect(
      downloader().downloader.fetch(of({ sha256: hash }, { signal: abort.signal })),
    ).rejects.toThrow('cancelled');
  });

  it('fails for good when the disk does not take it', async () => {
    handler = serving();
    const directory = temporaryFolder();
    mkdirSync(join(directory, `${hash}.part`));
    await expect(downloader(directory).downloader.fetch(of({ sha256: hash }))).rejects.toThrow(/EISDIR/);
  });

  it('is fetched by two tasks at once, each for itself', async () => {
    handler = serving(60_000);
    const { downloader: loader, directory } = downloader();
    const other = '00000000-0000-4000-8000-000000000002';
    const taken = [0, 0];
    const fetching = [TASK, other].map((taskId, which) => {
      const onProgress = (bytes: number) => {
        taken[which] = bytes;
        cut(Math.min(...taken));
      };
      return loader.fetch(of({ sha256: hash }, { taskId, onProgress }));
    });
    const paths = await Promise.all(fetching);
    expect(new Set(paths).size).toBe(2);
    for (const path of paths) expect(readFileSync(path).equals(content)).toBe(true);
    expect(readdirSync(directory)).toHaveLength(2);
  });

  it('that a task before left half fetched is gone on with', async () => {
    handler = serving();
    const directory = temporaryFolder();
    writeFileSync(join(directory, `${hash}.another-task.part`), content.subarray(0, 1_000));
    await downloader(directory).downloader.fetch(of({ sha256: hash }));
    expect(ranges).toEqual(['bytes=1000-']);
    expect(readdirSync(directory)).toEqual([`${hash}.${TASK}`]);
  });

  it('is judged by the file as it lies on the disk', async () => {
    handler = serving();
    const { downloader: loader, directory } = downloader();
    let spoil = true;
    const onProgress = (bytes: number) => {
      if (!spoil || bytes < content.length) return;
      spoil = false;
      writeFileSync(join(directory, `${hash}.${TASK}.part`), 'other bytes');
    };
    await expect(loader.fetch(of({ sha256: hash }, { onProgress }))).rejects.toThrow(/its SHA-256 is/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['the task says so', { sha256: hash, size_bytes: 200_000 }, 0],
    ['the server says so', { sha256: hash }, 1],
  ])('larger than the agent takes is refused: %s', async (_what, artifact, requests) => {
    handler = serving();
    const { downloader: loader, directory } = downloader(undefined, { maxBytes: 100_000 });
    await expect(loader.fetch(of(artifact))).rejects.toThrow(/larger than 100000 bytes \(EUCORA_AGENT_ART/);
    expect([ranges.length, readdirSync(directory)]).toEqual([requests, []]);
  });

  it('that does not end is refused at the bound', async () => {
    handler = (_request, response) => {
      response.writeHead(200);
      const more = setInterval(() => response.write(content), 1);
      response.on('close', () => clearInterval(more));
    };
    const { downloader: loader, directory } = downloader(undefined, { maxBytes: 500_000 });
    await expect(loader.fetch(of({ sha256: hash }))).rejects.toThrow(/larger than 500000 bytes/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('that the disk has no room for is refused, before and while it comes', async () => {
    handler = serving();
    const reserve = 67_108_864;
    const { downloader: loader, directory } = downloader(undefined, {
      freeBytes: async () => reserve + content.length - 1,
    });
    await expect(loader.fetch(of({ sha256: hash }))).rejects.toThrow(/disk has no room for it/);
    const chunk = Buffer.alloc(1_048_576);
    handler = (_request, response) => {
      response.writeHead(200);
      const more = setInterval(() => response.write(chunk), 1);
      response.on('close', () => clearInterval(more));
    };
    const free = [reserve, reserve - 1];
    const filling = downloader(directory, { maxBytes: 1e9, freeBytes: async () => free.shift() ?? 0 });
    await expect(filling.downloader.fetch(of({ sha256: hash }))).rejects.toThrow(/no room/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is not refused by an error that never ends', async () => {
    handler = (_request, response) => response.writeHead(404).end('x'.repeat(200_000));
    await expect(downloader().downloader.fetch(of({ sha256: hash }))).rejects.toThrow(/given up after 3/);
  });

  it('from elsewhere never sees the agent’s certificate', async () => {
    const used: string[] = [];
    const { downloader: loader } = downloader(undefined, {
      server: 'https://platform.example',
      platform: () => {
        used.push('platform');
        return dispatcher;
      },
      elsewhere: () => {
        used.push('elsewhere');
        return elsewhere;
      },
    });
    handler = serving();
    await loader.fetch(of({ sha256: hash, url: `${url}/x` }));
    expect(used).toEqual(['elsewhere']);
  });
});
