import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { type Block, isPublic, isWithin, parseBlock } from './blocks.ts';

const CONNECT_TIMEOUT_MS = 30_000;

/** A host is not at a public address, and nobody has allowed it. The address itself is not told. */
export class InternalAddressError extends Error {
  override readonly name = 'InternalAddressError';
  readonly host: string;
  constructor(host: string) {
    super(`${host} is not at a public address`);
    this.host = host;
  }
}

/** Hosts that may be at internal addresses, and internal addresses that any host may be at. */
export class AllowedHosts {
  readonly #names: ReadonlySet<string>;
  readonly #blocks: readonly Block[];

  /** @param entries host names, addresses and CIDR blocks */
  constructor(entries: readonly string[]) {
    const blocks = entries.map((entry) => ({ entry, block: parseBlock(entry) }));
    this.#blocks = blocks.flatMap(({ block }) => (block === undefined ? [] : [block]));
    this.#names = new Set(
      blocks.filter(({ block }) => block === undefined).map(({ entry }) => entry.toLowerCase()),
    );
  }

  permits(host: string, address: string): boolean {
    return isPublic(address) || this.#names.has(host.toLowerCase()) || isWithin(address, this.#blocks);
  }
}

/**
 * For requests to URLs that come from outside: connects to public addresses, and to those allowed. What is judged is
 * the address that is connected to, at each connection, so that neither a redirect nor a name whose address changes
 * leads inside.
 *
 * Requests fail with InternalAddressError.
 */
export function guardedAgent(
  allowed: AllowedHosts,
  resolve: LookupFunction = lookup as LookupFunction,
): Agent {
  const guarded: LookupFunction = (host, options, done) => {
    resolve(host, options, (error, address, family) => {
      if (error !== null) return done(error, address, family);
      const addresses = typeof address === 'string' ? [address] : address.map((entry) => entry.address);
      // One that is not is enough: which of them is taken is not ours to say.
      return addresses.every((each) => allowed.permits(host, each))
        ? done(null, address, family)
        : done(new InternalAddressError(host), '');
    });
  };
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: guarded });
  return new Agent({
    connect: (options, done) => {
      // Addresses are connected to as they are, without being looked up.
      const host = options.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !allowed.permits(host, host)) done(new InternalAddressError(host), null);
      else connect(options, done);
    },
  });
}
