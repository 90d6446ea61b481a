import type { Context } from 'hono';
import ipaddr from 'ipaddr.js';
import { type Block, isWithin, parseBlock } from '../../runtime/network/blocks.ts';
import type { ApiEnv } from '../context.ts';

/** Addresses and CIDR blocks; throws an Error that names the entry that is neither. */
export function parseBlocks(entries: readonly string[]): Block[] {
  return entries.map((entry) => {
    const block = parseBlock(entry);
    if (block === undefined)
      throw new Error(`EUCORA_TRUSTED_PROXIES: ${entry} is neither an address nor a CIDR block`);
    return block;
  });
}

/** Where the connection comes from. */
export function remoteAddress(c: Context<ApiEnv>): string {
  return c.env.incoming.socket.remoteAddress ?? 'unknown';
}

/** Where the request comes from: behind trusted proxies, the last address that none of them is. */
export function clientAddress(c: Context<ApiEnv>, proxies: readonly Block[]): string {
  const remote = remoteAddress(c);
  if (proxies.length === 0 || !isWithin(remote, proxies)) return remote;
  const forwarded = (c.req.header('x-forwarded-for') ?? '').split(',').map((part) => part.trim());
  return forwarded.reverse().find((part) => ipaddr.isValid(part) && !isWithin(part, proxies)) ?? remote;
}
