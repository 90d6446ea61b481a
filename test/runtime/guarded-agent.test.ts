import { createServer, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { type Agent, request } from 'undici';
import { isPublic } from '../../runtime/network/blocks.ts';
import { AllowedHosts, guardedAgent, InternalAddressError } from '../../runtime/network/guarded-agent.ts';

let server: Server;
let port: number;
let asked = 0;
const agents: Agent[] = [];

beforeAll(async () => {
  server = createServer((_request, response) => {
    asked += 1;
    // So that the next request connects anew.
    response.writeHead(200, { connection: 'close' }).end('inside');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  for (const agent of agents) await agent.close();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  asked = 0;
});

/** A name server that answers each question with the next of these. */
function names(...answers: readonly (readonly string[])[]): LookupFunction {
  let next = 0;
  return (_host, options, done) => {
    const found = (answers[Math.min(next, answers.length - 1)] ?? []).map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }));
    next += 1;
    const [first] = found;
    if (first === undefined)
      done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), '');
    else if (options.all === true) done(null, found);
    else done(null, first.address, first.family);
  };
}

async function get(host: string, allowed: readonly string[], resolve?: LookupFunction): Promise<string> {
  const agent = guardedAgent(new AllowedHosts(allowed), resolve);
  agents.push(agent);
  const { body } = await request(`http://${host}:${port}/`, { dispatcher: agent });
  return body.text();
}

describe('A request to a URL from outside', () => {
  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '[fd00::1]',
    '[fe80::1]',
    '224.0.0.1',
    '255.255.255.255',
  ])('never gets to %s', async (host) => {
    await expect(get(host, [])).rejects.toThrow(InternalAddressError);
    expect(asked).toBe(0);
  });

  it('never gets to a name that has such an address, nor to one that has it besides', async () => {
    await expect(get('inside.test', [], names(['127.0.0.1']))).rejects.toThrow(
      'inside.test is not at a public address',
    );
    await expect(get('both.test', [], names(['93.184.216.34', '127.0.0.1']))).rejects.toThrow(
      InternalAddressError,
    );
    expect(asked).toBe(0);
  });

  it('is judged by the address of each connection: a name whose answer changes leads nowhere', async () => {
    const agent = guardedAgent(new AllowedHosts(['127.0.0.1']), names(['127.0.0.1'], ['127.0.0.2']));
    agents.push(agent);
    const url = `http://rebinding.test:${port}/`;
    expect(await (await request(url, { dispatcher: agent })).body.text()).toBe('inside');
    await expect(request(url, { dispatcher: agent })).rejects.toThrow(InternalAddressError);
    expect(asked).toBe(1);
  });

  it.each([
    ['a name', 'inside.test', ['Inside.Test']],
    ['an address', 'inside.test', ['127.0.0.1']],
    ['a range', 'inside.test', ['10.0.0.0/8', '127.0.0.0/8']],
    ['an address, asked for as such', '127.0.0.1', ['127.0.0.1']],
  ])('gets to where it is allowed by %s', async (_what, host, allowed) => {
    expect(await get(host, allowed, names(['127.0.0.1']))).toBe('inside');
  });

  it('fails as always when there is no such name', async () => {
    await expect(get('gone.test', [], names([]))).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});

it.each([
  ['93.184.216.34', true],
  ['2606:2800:220:1:248:1893:25c8:1946', true],
  ['::ffff:10.0.0.1', false],
  ['2002:7f00:1::', false],
  ['::127.0.0.1', false],
  ['::7f00:1', false],
  ['4000::1', false],
  ['no address', false],
])('%s is public: %s', (address, expected) => {
  expect(isPublic(address)).toBe(expected);
});

it('What lies outside of public IPv6 can be allowed', () => {
  expect(new AllowedHosts(['4000::/16']).permits('odd.test', '4000::1')).toBe(true);
  expect(new AllowedHosts(['odd.test']).permits('odd.test', '::127.0.0.1')).toBe(true);
  expect(new AllowedHosts(['4000::/16']).permits('odd.test', '5000::1')).toBe(false);
});
