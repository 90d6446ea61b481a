import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlatformEntries } from '../../../cli/platform/paths.ts';

// As small as the contract allows: ready page, SIGTERM, end with the parent. `/exit` lets it die.
const SERVER = (port: string): string => `
import { createServer } from 'node:http';
const server = createServer((request, response) => {
  if (request.url === '/exit') process.exit(7);
  if (request.url === '/env') return response.end(JSON.stringify(process.env));
  response.writeHead(request.url === '/health/ready' ? 200 : 404).end();
}).listen(Number(process.env.${port}), '127.0.0.1');
server.on('error', (error) => { throw error; });
if ('${port}' === 'EUCORA_OPERATOR_PORT') createServer().listen(Number(process.env.EUCORA_AGENT_PORT), '127.0.0.1');
console.log(JSON.stringify({ level: 30, msg: 'started' }));
process.on('SIGTERM', () => {
  if (process.env.STUBBORN === '1') return;
  console.log(JSON.stringify({ level: 40, msg: 'drained' }));
  process.exit(0);
});
if (process.env.EUCORA_EXIT_WITH_PARENT === '1') process.stdin.on('end', () => process.exit(0)).resume();
`;

const SETUP = `
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
if (process.env.SETUP_FAILS === '1') { console.error('migration 7 failed'); process.exit(4); }
if (process.env.SETUP_HANGS === '1') setInterval(() => {}, 1000);
const token = process.env.EUCORA_DATA_DIR + '/admin-token';
if (!existsSync(token)) {
  writeFileSync(token, 'secret', { mode: 0o600 });
  mkdirSync(process.env.EUCORA_DATA_DIR + '/ca');
  writeFileSync(process.env.EUCORA_DATA_DIR + '/ca/ca.pem', 'pem');
  console.log(JSON.stringify({ made: 'admin token', exits: process.env.EUCORA_EXIT_WITH_PARENT ?? null }));
}
`;

/** Programs that keep the contract of API, workers and setup and do nothing. */
export async function standIns(folder: string): Promise<PlatformEntries> {
  const entries = {
    setup: join(folder, 'setup.mjs'),
    api: join(folder, 'api.mjs'),
    worker: join(folder, 'worker.mjs'),
    packaging: join(folder, 'packaging.mjs'),
    ai: join(folder, 'ai.mjs'),
  };
  await writeFile(entries.setup, SETUP);
  await writeFile(entries.api, SERVER('EUCORA_OPERATOR_PORT'));
  for (const worker of [entries.worker, entries.packaging, entries.ai])
    await writeFile(worker, SERVER('EUCORA_WORKER_HEALTH_PORT'));
  return entries;
}
