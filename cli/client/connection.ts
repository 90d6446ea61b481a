import { readFile } from 'node:fs/promises';
import { assertPlatformRuns, type Endpoints, noEndpoints, readEndpoints } from './endpoints.ts';
import { messageOf, usageError } from './errors.ts';
import { type Io, readInput, setting } from './io.ts';

const API_PATH = '/api/v1';
const MAX_TOKEN_BYTES = 16_384;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export interface ConnectionOptions {
  readonly api?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly dataDirectory: string;
}

/** Which platform to talk to, and as whom. The token is asked for only when a request needs one. */
export interface Connection {
  readonly base: string;
  readonly token: () => Promise<string>;
  /** Whether the token would cross a network unencrypted. */
  readonly exposed: boolean;
}

export async function connect(io: Io, options: ConnectionOptions): Promise<Connection> {
  const named = options.api ?? setting(io, 'EUCORA_API');
  const endpoints = named === undefined ? await readEndpoints(options.dataDirectory) : undefined;
  const address = named ?? endpoints?.operator_api;
  if (address === undefined) throw noEndpoints(options.dataDirectory);
  if (endpoints !== undefined) await assertPlatformRuns(options.dataDirectory);
  const url = parseAddress(address);
  let token: Promise<string> | undefined;
  return {
    base: `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '')}${API_PATH}`,
    exposed: url.protocol === 'http:' && !LOOPBACK.has(url.hostname),
    token: () => {
      token ??= findToken(io, options, url, endpoints);
      return token;
    },
  };
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw usageError(`${address} is not an http or https URL`, 'Give one like http://127.0.0.1:8080.');
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError('The URL must not hold credentials', 'Give a token: EUCORA_TOKEN or --token-file.');
  }
  return url;
}

async function findToken(
  io: Io,
  options: ConnectionOptions,
  url: URL,
  known: Endpoints | undefined,
): Promise<string> {
  if (options.tokenFile !== undefined) return readToken(io, options.tokenFile);
  const given = setting(io, 'EUCORA_TOKEN');
  if (given !== undefined) return checkToken(given, 'EUCORA_TOKEN');
  const endpoints = known ?? (await readEndpoints(options.dataDirectory));
  // The local admin token must never go to another platform than its own.
  if (endpoints?.admin_token_file !== undefined && sameOrigin(url, new URL(endpoints.operator_api))) {
    await assertPlatformRuns(options.dataDirectory);
    return readToken(io, endpoints.admin_token_file);
  }
  throw usageError(
    `There is no token for ${url.origin}`,
    'Give one: EUCORA_TOKEN, --token-file FILE, or --token-file - for standard input.',
  );
}

async function readToken(io: Io, file: string): Promise<string> {
  const source = file === '-' ? 'standard input' : file;
  try {
    return checkToken(
      file === '-' ? await readInput(io.stdin, MAX_TOKEN_BYTES) : await readFile(file, 'utf8'),
      source,
    );
  } catch (error) {
    throw usageError(`No token could be read from ${source}: ${messageOf(error)}`, undefined, error);
  }
}

function checkToken(content: string, source: string): string {
  const token = content.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw usageError(
    token === '' ? `${source} holds no token` : `${source} does not hold one token and nothing else`,
  );
}

function sameOrigin(a: URL, b: URL): boolean {
  const sameHost = a.hostname === b.hostname || (LOOPBACK.has(a.hostname) && LOOPBACK.has(b.hostname));
  return sameHost && a.port === b.port && a.protocol === b.protocol;
}
