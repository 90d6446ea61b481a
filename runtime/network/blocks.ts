import ipaddr from 'ipaddr.js';

/** A network, and how many bits of an address tell it. */
export type Block = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** An address or a CIDR block; undefined when it is neither. */
export function parseBlock(entry: string): Block | undefined {
  try {
    if (entry.includes('/')) return ipaddr.parseCIDR(entry);
    const address = ipaddr.process(entry);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch {
    return undefined;
  }
}

/** IPv4 addresses in IPv6 form count as what they are. */
export function isWithin(address: string, blocks: readonly Block[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return blocks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
}

/** All of IPv6 that has been given out to anybody; the rest is reserved, and routers may do with it what they like. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Whether an address is one that anybody on the internet may have; not loopback, private, link-local and the like. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST));
}
