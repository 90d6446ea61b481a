import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io } from '../../../cli/client/io.ts';
import { DEMO_FILE } from '../../../cli/demo/artifacts.ts';
import { runDemo } from '../../../cli/demo/demo.ts';
import { PROGRAM_FILE } from '../../../cli/demo/program.ts';

const ANY_PORTS = {
  operator: 0,
  agent: 0,
  workerHealth: 0,
  packagingHealth: 0,
  aiHealth: 0,
  postgres: 0,
  temporal: 0,
  temporalUi: 0,
};

function testIo(signal: AbortSignal): Io {
  const nowhere = { write: () => true };
  return {
    stdout: nowhere,
    stderr: nowhere,
    stdin: (async function* () {})(),
    env: {},
    version: 'test',
    signal,
    now: Date.now,
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    runPlatform: async () => 1,
  };
}

describe('The demo', () => {
  let dataDir: string;
  let told: string;
  const sink = {
    write: (text: string) => {
      told += text;
      return true;
    },
  };

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'eucora-demo-'));
    told = '';
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('shows the main job on real input and takes away what it installed', async () => {
    const io = testIo(new AbortController().signal);
    const status = await runDemo({ io, sink, exit: true, platform: { dataDir, ports: ANY_PORTS } });
    expect(told).toContain('All 16 steps were seen.');
    expect(told).not.toContain('not seen:');
    expect(status).toBe(0);
    expect([DEMO_FILE, PROGRAM_FILE].filter(existsSync)).toEqual([]);
  }, 480_000);

  it('tells with status 1 what was not seen, shows the agent’s last words, and stops everything', async () => {
    const agentFile = join(dataDir, 'agent.mjs');
    await writeFile(agentFile, `console.log('no agent today'); process.exit(1);\n`);
    const io = testIo(new AbortController().signal);
    const status = await runDemo({
      io,
      sink,
      exit: true,
      agentFile,
      platform: { dataDir, ports: ANY_PORTS },
    });
    expect(status).toBe(1);
    expect(told).toMatch(/not seen:.*the agent ended instead of enrolling/);
    expect(told).toContain('no agent today');
    expect(existsSync(join(dataDir, 'endpoints.json'))).toBe(false);
  }, 120_000);

  it('ends on Ctrl-C without telling that what it did not come to was not seen', async () => {
    const ctrlC = new AbortController();
    const agentFile = join(dataDir, 'agent.mjs');
    await writeFile(agentFile, 'setInterval(() => {}, 1_000);\n');
    const stopOnceUp = {
      write: (text: string) => {
        told += text;
        if (text.includes('The agent enrols')) setTimeout(() => ctrlC.abort(), 500);
        return true;
      },
    };
    const status = await runDemo({
      io: testIo(ctrlC.signal),
      sink: stopOnceUp,
      exit: false,
      agentFile,
      platform: { dataDir, ports: ANY_PORTS },
    });
    expect(status).toBe(1);
    expect(told).toContain('Stopping everything');
    expect(told).not.toMatch(/not seen|stays up/);
  }, 120_000);
});
