import { cpus } from 'node:os';
import { join } from 'node:path';
import { run } from '../../agent/process/run.ts';
import { Tools } from '../../agent/system/tools.ts';
import { collectExecutor } from '../../agent/tasks/collect.ts';
import { cpuPercent, cpuTimes, ResourceMeter } from '../../agent/telemetry/resources.ts';
import { Sampler, type SamplerOptions } from '../../agent/telemetry/sampler.ts';
import { serviceHealth } from '../../agent/telemetry/services.ts';
import { installedSoftware } from '../../agent/telemetry/software.ts';
import { telemetrySampleSchema } from '../../contracts/telemetry/telemetry.ts';
import { executionOf } from './execution.ts';
import { fakeTools, removeFolders, temporaryFolder } from './support.ts';

afterAll(removeFolders);

describe('installed software', () => {
  it('is this machine’s real list where there is dpkg', async () => {
    const tools = new Tools(run, { PATH: process.env['PATH'] ?? '' });
    const list = await installedSoftware(tools);
    const dpkg = list.find(({ name }) => name === 'dpkg');
    expect(dpkg).toMatchObject({
      version: expect.stringMatching(/^\d/),
      publisher: expect.stringContaining('@'),
    });
    expect(dpkg?.installed_on).toMatch(/^\d{4}-/);
  });

  it('comes from rpm where there is no dpkg, and is empty where there is neither', async () => {
    const tools = fakeTools('linux', (line) =>
      line.startsWith('rpm -qa') ? 'bash\t5.1-2\tRed Hat\t1700000000\nodd\t1-1\t(none)\tx\n\n' : undefined,
    );
    expect(await installedSoftware(tools)).toEqual([
      { name: 'bash', version: '5.1-2', publisher: 'Red Hat', installed_on: '2023-11-14' },
      { name: 'odd', version: '1-1', publisher: null, installed_on: null },
    ]);
    expect(await installedSoftware(fakeTools('linux', () => undefined))).toEqual([]);
  });

  it('leaves out of dpkg’s list what is not installed', async () => {
    const tools = fakeTools('linux', (line) =>
      line.startsWith('dpkg-query')
        ? 'installed\tno-such-pkg\t1.0\tamd64\tM\nconfig-files\tgone\t1\tall\tM\n\n'
        : undefined,
    );
    expect(await installedSoftware(tools)).toEqual([
      { name: 'no-such-pkg', version: '1.0', publisher: 'M', installed_on: null },
    ]);
  });

  it('comes from the registry of Windows, one item or many', async () => {
    const item = {
      DisplayName: '7-Zip',
      DisplayVersion: '23.01',
      Publisher: 'Igor',
      InstallDate: '20240131',
    };
    const one = fakeTools('win32', () => JSON.stringify(item));
    expect(await installedSoftware(one)).toEqual([
      { name: '7-Zip', version: '23.01', publisher: 'Igor', installed_on: '2024-01-31' },
    ]);
    const many = fakeTools('win32', () => JSON.stringify([item, { DisplayName: 'A' }, { Other: 1 }]));
    expect((await installedSoftware(many)).map(({ name }) => name)).toEqual(['7-Zip', 'A']);
    expect(await installedSoftware(fakeTools('win32', () => 'not JSON'))).toEqual([]);
    expect(await installedSoftware(fakeTools('win32', () => ({ exitCode: 1 })))).toEqual([]);
  });

  it('comes from the profiler of macOS', async () => {
    const tools = fakeTools('darwin', () =>
      JSON.stringify({
        SPApplicationsDataType: [
          { _name: 'Safari', version: '17', obtained_from: 'apple', lastModified: '2024-02-01T00:00:00Z' },
          { _name: 'Bare' },
        ],
      }),
    );
    expect(await installedSoftware(tools)).toEqual([
      { name: 'Bare', version: '', publisher: null, installed_on: null },
      { name: 'Safari', version: '17', publisher: 'apple', installed_on: '2024-02-01' },
    ]);
    expect(await installedSoftware(fakeTools('darwin', () => '[]'))).toEqual([]);
    expect(await installedSoftware(fakeTools('darwin', () => undefined))).toEqual([]);
  });
});

describe('services', () => {
  it('come from systemd where it runs', async () => {
    const tools = fakeTools('linux', () =>
      [
        'ssh.service loaded active running OpenBSD Secure Shell server',
        'once.service loaded active exited Did its work',
        'bad.service loaded failed failed Broke',
        'idle.service loaded inactive dead Idle',
        'odd.service loaded activating start Odd',
        'gone.service not-found inactive dead gone.service',
        '',
      ].join('\n'),
    );
    expect((await serviceHealth(tools, '/')).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'ssh running',
      'once stopped',
      'bad failed',
      'idle stopped',
      'odd unknown',
    ]);
    expect(await serviceHealth(tools, '/no/such/mark')).toEqual([]);
    expect(
      await serviceHealth(
        fakeTools('linux', () => undefined),
        '/',
      ),
    ).toEqual([]);
  });

  it('come from Windows by number or name', async () => {
    const tools = fakeTools('win32', () =>
      JSON.stringify([
        { Name: 'a', DisplayName: 'A', Status: 4 },
        { Name: 'b', Status: 'Stopped' },
        { Name: 'c', Status: 7 },
      ]),
    );
    expect(await serviceHealth(tools)).toEqual([
      { name: 'a', state: 'running', detail: 'A' },
      { name: 'b', state: 'stopped' },
      { name: 'c', state: 'unknown' },
    ]);
  });

  it('come from launchd', async () => {
    const tools = fakeTools('darwin', () => 'PID\tStatus\tLabel\n12\t0\tcom.a\n-\t0\tcom.b\n-\t1\tcom.c\n');
    expect(await serviceHealth(tools)).toEqual([
      { name: 'com.a', state: 'running' },
      { name: 'com.b', state: 'stopped' },
      { name: 'com.c', state: 'failed', detail: 'exit status 1' },
    ]);
    expect(await serviceHealth(fakeTools('darwin', () => undefined))).toEqual([]);
  });
});

describe('resources', () => {
  it('are measured', async () => {
    const meter = new ResourceMeter('linux');
    await meter.measure();
    const measured = await meter.measure();
    const sample = telemetrySampleSchema.parse({ collected_at: new Date().toISOString(), ...measured });
    expect(sample.memory_total_mb).toBeGreaterThan(100);
    expect(sample.memory_percent).toBeGreaterThan(0);
    expect(sample.disk_total_gb).toBeGreaterThan(0);
    expect(await new ResourceMeter('win32').measure()).not.toHaveProperty('disk_percent');
  });

  it('count processor time between two readings', () => {
    expect(cpuPercent({ idle: 0, total: 0 }, { idle: 25, total: 100 })).toBe(75);
    expect(cpuPercent({ idle: 5, total: 10 }, { idle: 5, total: 10 })).toBeNull();
    expect(cpuTimes(cpus()).total).toBeGreaterThan(0);
  });
});

function sampler(list: () => string, more: Partial<SamplerOptions> = {}) {
  return new Sampler({
    tools: fakeTools('linux', (line) => (line.startsWith('dpkg-query') ? list() : undefined)),
    meter: new ResourceMeter('linux'),
    toldFile: join(temporaryFolder(), 'told.json'),
    agentId: () => 'a',
    maxBytes: () => 1_000_000,
    ...more,
  });
}

describe('samples', () => {
  it('carry the software list when it changed, a day has passed, or the agent is another one', async () => {
    let now = Date.parse('2026-11-22T08:00:00Z');
    let list = 'installed\ta\t1\tall\tM\n';
    let agentId = 'one';
    const taken = sampler(() => list, { now: () => now, agentId: () => agentId });
    const hasList = async () => {
      const { sample, kept } = await taken.sample();
      await kept();
      return sample.installed_software !== undefined;
    };
    expect([await hasList(), await hasList()]).toEqual([true, false]);
    list += 'installed\tb\t1\tall\tM\n';
    expect([await hasList(), await hasList()]).toEqual([true, false]);
    now += 90_000_000;
    expect([await hasList(), await hasList()]).toEqual([true, false]);
    agentId = 'two';
    expect([await hasList(), await hasList()]).toEqual([true, false]);
  });

  it('cut the list to what a body can hold', async () => {
    const list = Array.from({ length: 100 }, (_, n) => `installed\tpackage-${n}\t1\tall\tM`).join('\n');
    const { sample } = await sampler(() => list, { maxBytes: () => 2_000 }).sample();
    expect(sample.installed_software?.length).toBeLessThan(40);
    expect(sample.installed_software?.length).toBeGreaterThan(5);
  });
});

describe('COLLECT', () => {
  const sources = {
    system: async () => ({ hostname: 'h' }),
    software: async () => [{ name: 'a', version: '1' }],
    telemetry: async () => ({ cpu_percent: 1 }),
  };

  it('tells what it was asked for, once', async () => {
    const all = { collect: ['installed_software', 'system', 'telemetry', 'system'] };
    expect(await collectExecutor(sources)(executionOf(all))).toEqual({
      word: 'complete',
      body: {
        result: {
          installed_software: [{ name: 'a', version: '1' }],
          installed_software_count: 1,
          installed_software_truncated: false,
          system: { hostname: 'h' },
          telemetry: { cpu_percent: 1 },
        },
      },
    });
  });

  it('cuts a list that no result can hold, and says so', async () => {
    const software = async () =>
      Array.from({ length: 3_000 }, () => ({ name: 'n'.repeat(500), version: '1' }));
    const outcome = await collectExecutor({ ...sources, software })(executionOf({}));
    expect(outcome).toMatchObject({
      body: { result: { installed_software_count: 3_000, installed_software_truncated: true } },
    });
    expect(JSON.stringify(outcome).length).toBeLessThan(1_000_000);
  });

  it('is bounded as a whole', async () => {
    const outcome = await collectExecutor({
      software: async () => Array.from({ length: 3_000 }, () => ({ name: 'é'.repeat(500), version: '1' })),
      system: async () => ({ odd: 'x'.repeat(2_000_000) }),
      telemetry: async () => ({
        cpu_percent: 1,
        services: Array.from({ length: 1_000 }, (_, n) => ({ name: `s${n}`, detail: 'é'.repeat(1_000) })),
      }),
    })(executionOf({ collect: ['installed_software', 'system', 'telemetry'] }));
    expect(outcome).toMatchObject({
      word: 'complete',
      body: {
        result: {
          installed_software_truncated: true,
          system: {},
          system_truncated: true,
          telemetry: { cpu_percent: 1 },
          telemetry_truncated: true,
        },
      },
    });
    const bytes = Buffer.byteLength(JSON.stringify(outcome));
    expect([bytes > 900_000, bytes < 1_040_000]).toEqual([true, true]);
  });

  it('stops when it is told to', async () => {
    const execution = executionOf({}, AbortSignal.abort(new Error('stop')));
    await expect(collectExecutor(sources)(execution)).rejects.toThrow('stop');
  });
});
