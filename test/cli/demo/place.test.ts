import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { demoPlace, markAsDemo, withoutForeign } from '../../../cli/demo/place.ts';
import { childEnvironment, setting } from '../../../cli/platform/environment.ts';
import { layoutOf } from '../../../cli/platform/paths.ts';
import { removeScratch, scratch } from '../support/scratch.ts';

afterEach(removeScratch);

const placeFor = (folder: string) => demoPlace({ EUCORA_DATA_DIR: folder }, '/standard');

it('the demo has a folder of its own in the user’s data folder', async () => {
  expect(await demoPlace({}, '/standard')).toEqual({ dataDir: '/standard/demo' });
  expect(await demoPlace({ EUCORA_DATA_DIR: '' }, '/standard')).toEqual({ dataDir: '/standard/demo' });
});

it('a given folder is taken as it is when it is new or a demo’s', async () => {
  const folder = await scratch();
  const place = join(folder, 'new');
  expect(await placeFor(place)).toEqual({ dataDir: place });
  const marked = await markAsDemo(place);
  await mkdir(layoutOf(place).run);
  expect((await stat(marked)).mode & 0o777).toBe(0o700);
  expect(await placeFor(place)).toEqual({ dataDir: place });
});

it('somebody’s real platform is left alone, also when a demo once ran below it', async () => {
  const folder = await scratch();
  await mkdir(layoutOf(folder).run);
  const moved = { dataDir: join(folder, 'demo-platform'), movedFrom: folder };
  expect(await placeFor(folder)).toEqual(moved);
  await markAsDemo(join(folder, 'demo'));
  await mkdir(layoutOf(join(folder, 'demo')).run);
  expect(await placeFor(folder)).toEqual(moved);
});

it('what the shell exports for another platform reaches neither engines nor children', () => {
  const exported = {
    DATABASE_URL: 'postgres://production/eucora',
    TEMPORAL_ADDRESS: 'production:7233',
    TEMPORAL_NAMESPACE: 'production',
    TEMPORAL_UI_URL: 'https://production',
    TEMPORAL_CLI_PATH: '/usr/bin/temporal',
    EUCORA_ALERT_WEBHOOK_URL: 'https://pager.example',
    EUCORA_ALERT_WEBHOOK_SECRET: 'x'.repeat(20),
    EUCORA_TRUSTED_PROXIES: '10.0.0.0/8',
    EUCORA_LOG_LEVEL: 'debug',
  };
  const env = { ...exported, ...withoutForeign(exported) };
  for (const name of ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'TEMPORAL_UI_URL'])
    expect(setting(env, name)).toBeUndefined();
  const child = childEnvironment(env, {
    layout: layoutOf('/data'),
    ports: { operator: 1, agent: 2, workerHealth: 3 },
    operatorHost: '127.0.0.1',
    agentHost: '127.0.0.1',
    databaseUrl: 'postgres://own',
    temporalAddress: '127.0.0.1:4',
    temporalUi: null,
    ownTemporal: true,
  });
  expect(child).toMatchObject({ DATABASE_URL: 'postgres://own', TEMPORAL_CLI_PATH: '/usr/bin/temporal' });
  expect(child).toMatchObject({ TEMPORAL_ADDRESS: '127.0.0.1:4', EUCORA_LOG_LEVEL: 'debug' });
  expect(JSON.stringify(child)).not.toMatch(/production|pager|10\.0\.0/);
});
