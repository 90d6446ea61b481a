import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Dispatcher } from 'undici';
import { request } from 'undici';
import type { TestApi } from '../../harness/api.ts';

export type Json = Record<string, unknown>;

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly listener: 'agent' | 'operator' | 'both';
  readonly tags: readonly string[];
  readonly secured: boolean;
  readonly statuses: readonly string[];
}

export interface Said {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Json;
  readonly text: string;
}

export interface Saying {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Strings and bytes go as they are, everything else as JSON. */
  readonly body?: unknown;
  readonly dispatcher?: Dispatcher;
}

interface ResponseObject {
  readonly content?: Record<string, { schema: Json }>;
}
interface OperationObject {
  readonly tags?: string[];
  readonly security?: unknown[];
  readonly servers?: unknown[];
  readonly responses: Record<string, ResponseObject>;
}
type Document = Json & { paths: Record<string, Record<string, OperationObject>> };

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const PUBLIC_ON_BOTH = /^\/health\/|^\/api\/v1\/ca-certificate$/;

/** Holds every answer against the OpenAPI document that the API serves. */
export class Contract {
  readonly #document: Document;
  readonly #ajv: Ajv2020;
  readonly #compiled = new Map<string, ValidateFunction>();
  /** `METHOD path` to the statuses that were seen. */
  readonly seen = new Map<string, Set<number>>();

  private constructor(document: Document) {
    this.#document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(closed(document), 'doc');
  }

  static async of(api: TestApi): Promise<Contract> {
    const { body } = await request(`${api.operatorUrl}/openapi.json`);
    return new Contract((await body.json()) as Document);
  }

  get document(): Document {
    return this.#document;
  }

  get operations(): Operation[] {
    return Object.entries(this.#document.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const found = item[method];
        if (found === undefined) return [];
        const listener = PUBLIC_ON_BOTH.test(path)
          ? ('both' as const)
          : found.servers
            ? ('agent' as const)
            : ('operator' as const);
        return [
          {
            method: method.toUpperCase(),
            path,
            listener,
            tags: found.tags ?? [],
            secured: (found.security ?? []).length > 0,
            statuses: Object.keys(found.responses),
          },
        ];
      }),
    );
  }

  /** Sends a request and checks the answer: status, content type, body, correlation id. */
  async call(url: string, saying: Saying = {}): Promise<Said> {
    const { method = saying.body === undefined ? 'GET' : 'POST', headers = {}, body, dispatcher } = saying;
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const response = await request(url, {
      method: method as Dispatcher.HttpMethod,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    const text = await response.body.text();
    const said: Said = {
      status: response.statusCode,
      headers: response.headers,
      text,
      body: /json/.test(String(response.headers['content-type'])) && text !== '' ? JSON.parse(text) : {},
    };
    this.check(method, new URL(url).pathname, said);
    return said;
  }

  check(method: string, pathname: string, said: Said): void {
    const about = `${method} ${pathname} → ${said.status} ${said.text.slice(0, 300)}`;
    if (!/^[A-Za-z0-9._:-]{1,128}$/.test(String(said.headers['x-correlation-id'])))
      throw new Error(`No X-Correlation-ID: ${about}`);
    const path = this.#template(method, pathname);
    if (said.status >= 400 && !(path ?? '').startsWith('/health/')) this.#checkProblem(said, about);
    // 405: the operation is the other listener's.
    if (path === undefined || method === 'HEAD' || said.status === 405) return;
    const key = `${method} ${path}`;
    this.seen.set(key, (this.seen.get(key) ?? new Set()).add(said.status));
    const responses = this.#document.paths[path]?.[method.toLowerCase()]?.responses ?? {};
    const documented = responses[String(said.status)];
    if (documented === undefined) throw new Error(`The document does not know this status: ${about}`);
    const types = Object.keys(documented.content ?? {});
    const type = String(said.headers['content-type'] ?? '').replace(/;.*$/, '');
    if (types.length === 0 ? said.text !== '' : !types.includes(type))
      throw new Error(`The document knows ${types}, not "${type}": ${about}`);
    if (!/json$/.test(type)) return;
    const pointer = [
      'paths',
      path,
      method.toLowerCase(),
      'responses',
      String(said.status),
      'content',
      type,
      'schema',
    ];
    this.#validate(`doc#/${pointer.map(escaped).join('/')}`, said.body, about);
  }

  #checkProblem(said: Said, about: string): void {
    if (said.headers['content-type'] !== 'application/problem+json' && said.text !== '')
      throw new Error(`Not problem details: ${about}`);
    if (said.text === '') return;
    this.#validate('doc#/components/schemas/Problem', said.body, about);
    if (said.body['status'] !== said.status) throw new Error(`The problem tells another status: ${about}`);
    if (said.body['correlation_id'] !== said.headers['x-correlation-id'])
      throw new Error(`The problem tells another correlation id: ${about}`);
  }

  #validate(ref: string, body: unknown, about: string): void {
    let validate = this.#compiled.get(ref);
    if (validate === undefined) {
      validate = this.#ajv.compile({ $ref: ref });
      this.#compiled.set(ref, validate);
    }
    if (!validate(body)) throw new Error(`${this.#ajv.errorsText(validate.errors)}: ${about}`);
  }

  /** The documented path that a request meant; those without parameters come first, as in the router. */
  #template(method: string, pathname: string): string | undefined {
    const plain = pathname.replace(/(.)\/$/, '$1');
    return Object.keys(this.#document.paths)
      .filter((path) => this.#document.paths[path]?.[method.toLowerCase()] !== undefined)
      .sort((one, other) => one.split('{').length - other.split('{').length)
      .find((path) => new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(plain));
  }
}

const escaped = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

/** The document, with objects that may hold nothing but what is documented. */
function closed(node: unknown): Json {
  return close(node) as Json;
}
function close(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(close);
  if (node === null || typeof node !== 'object') return node;
  const copy: Json = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, close(value)]));
  const isSchema = copy['type'] === 'object' && typeof copy['properties'] === 'object';
  return isSchema && copy['additionalProperties'] === undefined
    ? { ...copy, additionalProperties: false }
    : copy;
}
