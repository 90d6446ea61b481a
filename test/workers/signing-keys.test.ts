import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { parseConfig } from '../../contracts/config.ts';
import { createLogger } from '../../runtime/logger.ts';
import { packagingPlaces, toolSettings } from '../../workers/packaging/settings.ts';
import { ensureSigningKeys, watchSigningKeys } from '../../workers/packaging/signing-keys.ts';
import { eventually } from '../harness/eventually.ts';
import { packagingPath } from '../packaging/support/world.ts';

let folder: string;
let lines: string[];
let stop: AbortController;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eucora-keys-'));
  lines = [];
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await rm(folder, { recursive: true, force: true });
});

async function options(overrides: Record<string, string> = {}) {
  const config = parseConfig({ DATABASE_URL: 'postgres://nowhere/x', EUCORA_DATA_DIR: folder, ...overrides });
  const settings = toolSettings(config, (await packagingPath()).join(':'));
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(JSON.parse(String(chunk)).msg));
      done();
    },
  });
  return { config, settings, logger: createLogger('test', 'warn', destination), signal: stop.signal };
}

it('A worker’s own keys are made and sign without a warning', async () => {
  const own = await options();
  await ensureSigningKeys(own);
  await watchSigningKeys(own);
  expect(lines).toEqual([]);
});

it('Keys that end soon, or cannot be read, are warned of at the start and again', async () => {
  const own = await options();
  await ensureSigningKeys(own);
  const list = packagingPlaces(own.config).signingKeys;
  const keys = JSON.parse(await readFile(list, 'utf8'));
  await writeFile(list, JSON.stringify({ ...keys, warn_before_days: 3_650 }));
  await watchSigningKeys(own, 50);
  expect(lines.slice(0, 3)).toEqual(Array(3).fill(expect.stringMatching(/^The newest .* ends on/)));
  await writeFile(list, '{}');
  await eventually(() => expect(lines.at(-1)).toMatch(/keys\.json: keys/));
});

it('A list that is not there, or a machine that lacks the programs, keeps no worker from starting', async () => {
  const named = await options({ EUCORA_SIGNING_KEYS_FILE: join(folder, 'none.json') });
  await ensureSigningKeys(named);
  await watchSigningKeys(named);
  expect(lines).toEqual([expect.stringMatching(/list of signing keys cannot be read/)]);
  const bare = await options();
  await ensureSigningKeys({ ...bare, settings: { ...bare.settings, path: ['/nonexistent'] } });
  expect(lines.at(-1)).toMatch(/Keys for development could not be made/);
});
