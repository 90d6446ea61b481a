import { createPrivateKey, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;

/**
 * Prints certificates for a prepared fleet. One that the platform's own code has issued serves as the stencil; a print
 * differs from it in agent id, host name and serial number, all of the same length, and is signed anew by the CA's key.
 * That takes 0.1 ms instead of the milliseconds of a certificate that is made from nothing.
 */
export class CertificatePress {
  readonly #tbs: Buffer;
  readonly #algorithm: Buffer;
  readonly #key: KeyObject;
  readonly #stencil: { readonly id: string; readonly hostname: string; readonly serial: Buffer };

  constructor(stencilPem: string, stencil: { id: string; hostname: string }, authorityKeyPem: string) {
    const certificate = new X509Certificate(stencilPem);
    const [outer] = elements(certificate.raw);
    const [tbs, algorithm] = elements(outer?.content ?? Buffer.alloc(0));
    if (tbs === undefined || algorithm === undefined) throw new Error('The stencil is no certificate');
    this.#tbs = tbs.whole;
    this.#algorithm = algorithm.whole;
    this.#key = createPrivateKey(authorityKeyPem);
    this.#stencil = { ...stencil, serial: Buffer.from(certificate.serialNumber, 'hex') };
  }

  /** @returns DER and serial number (hex) of a certificate for that agent */
  print(agent: { id: string; hostname: string }): { der: Buffer; serial: string } {
    const serial = randomBytes(this.#stencil.serial.length);
    serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
    const tbs = Buffer.from(this.#tbs);
    replace(tbs, this.#stencil.serial, serial);
    replace(tbs, Buffer.from(this.#stencil.id), Buffer.from(agent.id));
    replace(tbs, Buffer.from(this.#stencil.hostname), Buffer.from(agent.hostname));
    const signature = sign('sha256', tbs, this.#key);
    const der = element(
      SEQUENCE,
      Buffer.concat([tbs, this.#algorithm, element(BIT_STRING, Buffer.concat([Buffer.of(0), signature]))]),
    );
    return { der, serial: serial.toString('hex') };
  }
}

function replace(within: Buffer, old: Buffer, by: Buffer): void {
  const at = within.indexOf(old);
  if (at < 0 || old.length !== by.length) throw new Error(`The stencil does not take ${by.toString()}`);
  by.copy(within, at);
}

interface Element {
  readonly whole: Buffer;
  readonly content: Buffer;
}

/** The DER elements that stand one after the other in a buffer. */
function elements(der: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < der.length; ) {
    const first = der[at + 1] ?? 0;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
    const begin = at + 2 + lengthBytes;
    found.push({ whole: der.subarray(at, begin + length), content: der.subarray(begin, begin + length) });
    at = begin + length;
  }
  return found;
}

function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const header =
    length < 0x80
      ? Buffer.of(tag, length)
      : length < 0x100
        ? Buffer.of(tag, 0x81, length)
        : Buffer.of(tag, 0x82, length >> 8, length & 0xff);
  return Buffer.concat([header, content]);
}
