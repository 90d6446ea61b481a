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

/** Whether an address is one that anybody on the internet may have; not loopback, private, link-local and the like. */
export const isPublic = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
