import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exec, type PackagingWorld } from './world.ts';

export interface TimestampServer {
  readonly url: string;
  /** PEM of the authority that its certificates lead to. */
  readonly authority: string;
  readonly requests: () => number;
  close(): Promise<void>;
}

const CONFIG = (folder: string): string => `
[ tsa ]
default_tsa = tsa_config
[ tsa_config ]
dir = ${folder}
serial = ${folder}/serial
crypto_device = builtin
signer_cert = ${folder}/tsa.pem
certs = ${folder}/tsa.pem
signer_key = ${folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
`;

/** A timestamp authority as RFC 3161 wants it, over HTTP: openssl makes the answers. */
export async function timestampServer(world: PackagingWorld): Promise<TimestampServer> {
  const folder = world.path('tsa');
  await world.put('tsa/serial', '01\n');
  const config = await world.put('tsa/tsa.cnf', CONFIG(folder));
  const authority = join(folder, 'ca.pem');
  const make = (...args: string[]) => exec('openssl', args, { cwd: folder });
  await make(
    ...[
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '30',
    ],
    ...['-subj', '/CN=Test Timestamp CA', '-addext', 'basicConstraints=critical,CA:TRUE'],
  );
  await make(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'tsa.key',
    '-out',
    'tsa.csr',
    '-subj',
    '/CN=Test TSA',
  );
  await world.put(
    'tsa/extensions',
    'extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n',
  );
  await make(
    ...[
      'x509',
      '-req',
      '-in',
      'tsa.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '30',
    ],
    ...['-extfile', 'extensions', '-out', 'tsa.pem'],
  );
  let requests = 0;
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      requests += 1;
      const query = join(folder, `query-${requests}`);
      const reply = join(folder, `reply-${requests}`);
      writeFile(query, Buffer.concat(parts))
        .then(() => make('ts', '-reply', '-config', config, '-queryfile', query, '-out', reply))
        .then(async () => {
          response.setHeader('content-type', 'application/timestamp-reply');
          response.end(await readFile(reply));
        })
        .catch(() => {
          response.statusCode = 500;
          response.end();
        });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    authority,
    requests: () => requests,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
