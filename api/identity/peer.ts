import { hash, X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { LRUCache } from 'lru-cache';
import type { IssuedTo } from '../../db/stores/agent/issued-certificates.ts';
import { AGENT_ORGANISATION } from '../../runtime/certificates/authority.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type Block, isWithin } from '../../runtime/network/blocks.ts';

/** What a client certificate says of its holder. */
export type Peer =
  | {
      readonly kind: 'agent';
      readonly agentId: string;
      readonly notBefore: number;
      readonly notAfter: number;
    }
  | { readonly kind: 'none' }
  | { readonly kind: 'rejected'; readonly reason: string };

const AGENT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Among the extended key usages, which Node calls `keyUsage`. */
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';
/** RFC 9440. */
const CLIENT_CERT = 'client-cert';
const NONE: Peer = { kind: 'none' };
const UNTRUSTED: Peer = {
  kind: 'rejected',
  reason: 'the Client-Cert header comes from an address that is no trusted proxy',
};
/** Some 200 bytes each. */
const REMEMBERED_HEADERS = 1_000_000;

/** What the platform noted when it issued a certificate; undefined for one that it does not know. */
export type FindIssued = (fingerprint: string) => Promise<IssuedTo | undefined>;

/** Reads and checks client certificates, once a connection (or once a header value). */
export class PeerVerifier {
  readonly #authority: X509Certificate;
  readonly #bySocket = new WeakMap<object, Peer>();
  /** Made when the first comes: it takes 24 MB from the beginning. */
  #byHeader: LRUCache<string, Peer> | undefined;

  readonly #findIssued: FindIssued;
  readonly #proxies: readonly Block[];
  readonly #trusted = new WeakMap<object, boolean>();
  readonly #logger: Pick<Logger, 'info' | 'warn'> | undefined;
  #lookUpFails = false;

  /**
   * @param findIssued what the platform knows of certificates by their fingerprints (SHA-256 of the DER form, hex)
   * @param proxies whose word on certificates is believed
   * @param logger hears when looking up begins to fail, and when it goes on
   */
  constructor(
    authorityPem: string,
    findIssued: FindIssued,
    proxies: readonly Block[] = [],
    logger?: Pick<Logger, 'info' | 'warn'>,
  ) {
    this.#authority = new X509Certificate(authorityPem);
    this.#findIssued = findIssued;
    this.#proxies = proxies;
    this.#logger = logger;
  }

  /** The peer of a request, by its connection or by the header of a trusted proxy; at once when it is known already. */
  ofRequest({ socket, headers }: IncomingMessage | Http2ServerRequest): Peer | Promise<Peer> {
    if ('getPeerCertificate' in socket) return this.ofSocket(socket as TLSSocket);
    const header = headers[CLIENT_CERT];
    if (header === undefined) return NONE;
    let trusted = this.#trusted.get(socket);
    if (trusted === undefined) {
      trusted = isWithin(socket.remoteAddress ?? 'unknown', this.#proxies);
      this.#trusted.set(socket, trusted);
    }
    return trusted ? this.ofHeader(String(header)) : UNTRUSTED;
  }

  /** The peer of a mutual-TLS connection. */
  ofSocket(socket: TLSSocket): Peer {
    let peer = this.#bySocket.get(socket);
    if (peer === undefined) {
      // Read by the handshake already: reading it again costs more than all else here.
      const certificate = socket.getPeerX509Certificate();
      peer = certificate === undefined ? NONE : this.#judge(() => certificate);
      this.#bySocket.set(socket, peer);
    }
    return stillValid(peer);
  }

  /** The peer that a TLS-ending proxy vouches for: RFC 9440, a byte sequence of RFC 8941 that holds DER. */
  ofHeader(value: string): Peer | Promise<Peer> {
    const key = hash('sha256', value, 'base64');
    this.#byHeader ??= new LRUCache({ max: REMEMBERED_HEADERS });
    const peer = this.#byHeader.get(key);
    return peer === undefined ? this.#ofNewHeader(value, key) : stillValid(peer);
  }

  async #ofNewHeader(value: string, key: string): Promise<Peer> {
    const base64 = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value.trim())?.[1];
    if (base64 === undefined)
      return { kind: 'rejected', reason: 'the Client-Cert header is not a byte sequence' };
    const der = Buffer.from(base64, 'base64');
    const peer = (await this.#ofIssued(der)) ?? this.#judge(() => new X509Certificate(der));
    // What was refused is not kept: it would only be memory for strangers to fill.
    if (peer.kind === 'agent') this.#byHeader?.set(key, peer);
    return stillValid(peer);
  }

  /**
   * Bytes with the fingerprint of a certificate that this authority issued are that certificate: reading and verifying
   * it would take 0.3 ms, which counts when a whole fleet comes back at once.
   */
  async #ofIssued(der: Buffer): Promise<Peer | undefined> {
    const issued = await this.#lookUp(hash('sha256', der));
    return (
      issued && {
        kind: 'agent',
        agentId: issued.agentId,
        notBefore: issued.notBefore.getTime(),
        notAfter: issued.notAfter.getTime(),
      }
    );
  }

  /** Without a database the certificate itself says enough, but each costs what the look-up saves: told once an outage. */
  async #lookUp(fingerprint: string): Promise<IssuedTo | undefined> {
    try {
      const issued = await this.#findIssued(fingerprint);
      if (this.#lookUpFails) this.#logger?.info('Certificates are looked up again');
      this.#lookUpFails = false;
      return issued;
    } catch (error) {
      if (!this.#lookUpFails)
        this.#logger?.warn({ err: error }, 'Certificates cannot be looked up, and are verified one by one');
      this.#lookUpFails = true;
      return undefined;
    }
  }

  #judge(read: () => X509Certificate): Peer {
    let certificate: X509Certificate;
    try {
      certificate = read();
      if (!certificate.checkIssued(this.#authority) || !certificate.verify(this.#authority.publicKey)) {
        return { kind: 'rejected', reason: 'the certificate was not issued by this platform' };
      }
    } catch {
      return { kind: 'rejected', reason: 'the certificate cannot be read' };
    }
    if (!(certificate.keyUsage ?? []).includes(CLIENT_AUTHENTICATION)) {
      return { kind: 'rejected', reason: 'the certificate is not for clients' };
    }
    // Control characters in names come escaped, so that a line is always a whole attribute.
    const subject = new Map(
      certificate.subject
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const agentId = subject.get('OU') ?? '';
    if (subject.get('O') !== AGENT_ORGANISATION || !AGENT_ID.test(agentId)) {
      return { kind: 'rejected', reason: 'the certificate does not name an agent' };
    }
    return {
      kind: 'agent',
      agentId,
      notBefore: Date.parse(certificate.validFrom),
      notAfter: Date.parse(certificate.validTo),
    };
  }
}

/** Connections outlive certificates: the span of validity counts at every request. */
function stillValid(peer: Peer): Peer {
  if (peer.kind !== 'agent') return peer;
  if (peer.notAfter < Date.now()) return { kind: 'rejected', reason: 'the certificate has expired' };
  if (peer.notBefore > Date.now()) return { kind: 'rejected', reason: 'the certificate is not valid yet' };
  return peer;
}
