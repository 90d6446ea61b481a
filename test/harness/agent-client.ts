import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { Agent, request } from 'undici';
import { x509 } from '../../runtime/certificates/x509.ts';
import type { TestApi } from './api.ts';

export interface KeyAndRequest {
  readonly keyPem: string;
  readonly csr: string;
}

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Body;
}

/** A fresh P-256 key and a signing request for it. */
export async function newKeyAndRequest(name = 'CN=test'): Promise<KeyAndRequest> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
  const der = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey(
      'spki',
      pair.publicKey.export({ type: 'spki', format: 'der' }),
      algorithm,
      true,
      ['verify'],
    ),
  };
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: algorithm,
  });
  return {
    keyPem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    csr: csr.toString('pem'),
  };
}

/** Calls JSON endpoints; the body of an answer without one is `{}`. */
export async function call(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown; dispatcher?: Agent } = {},
): Promise<Answer> {
  const { method = options.body === undefined ? 'GET' : 'POST', headers = {}, body, dispatcher } = options;
  const response = await request(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  const text = await response.body.text();
  const json = /json/.test(String(response.headers['content-type'])) && text !== '';
  return {
    status: response.statusCode,
    headers: response.headers,
    body: json ? JSON.parse(text) : text === '' ? {} : { text },
  };
}

/** An agent that enrolled over real TLS and speaks with its client certificate. */
export class TestAgent {
  readonly id: string;
  readonly certificate: string;
  readonly keyPem: string;
  readonly dispatcher: Agent;
  readonly #url: string;

  constructor(url: string, id: string, certificate: string, keyPem: string, caPem: string) {
    this.#url = url;
    this.id = id;
    this.certificate = certificate;
    this.keyPem = keyPem;
    this.dispatcher = new Agent({ connect: { ca: caPem, cert: certificate, key: keyPem } });
  }

  static async enrol(api: TestApi, overrides: Record<string, unknown> = {}): Promise<TestAgent> {
    const made = await api.database.stores.enrolmentTokens.create(
      { name: 'test', expires_in_seconds: 3_600, max_uses: null, tags: {} },
      { type: 'system', id: 'test' },
      'test',
    );
    const { keyPem, csr } = await newKeyAndRequest();
    const anonymous = new Agent({ connect: { ca: api.caPem } });
    const answer = await call(`${api.agentUrl}/api/v1/agents/register`, {
      body: { registration_key: made.token, csr, ...machine(), ...overrides },
      dispatcher: anonymous,
    });
    await anonymous.close();
    if (answer.status >= 300) throw new Error(`Enrolment failed: ${JSON.stringify(answer.body)}`);
    return new TestAgent(
      api.agentUrl,
      String(answer.body['agent_id']),
      String(answer.body['certificate']),
      keyPem,
      api.caPem,
    );
  }

  heartbeat(body: object = {}): Promise<Answer> {
    return this.post(`/api/v1/agents/${this.id}/heartbeat`, body);
  }

  /** `start`, `progress`, `complete` or `fail`. */
  say(taskId: string, word: string, body: object = {}): Promise<Answer> {
    return this.post(`/api/v1/agents/tasks/${taskId}/${word}`, body);
  }

  post(path: string, body: unknown): Promise<Answer> {
    return call(this.#url + path, { body, dispatcher: this.dispatcher });
  }

  get(path: string): Promise<Answer> {
    return call(this.#url + path, { dispatcher: this.dispatcher });
  }

  close(): Promise<void> {
    return this.dispatcher.close();
  }
}

let machines = 0;

/** What a machine says of itself; another one at every call. */
export function machine(): Record<string, unknown> {
  machines += 1;
  return {
    hostname: `host-${machines}`,
    platform: 'linux',
    platform_version: '12',
    agent_version: '1.0.0',
    hardware_id: `hardware-${process.pid}-${machines}`,
  };
}
