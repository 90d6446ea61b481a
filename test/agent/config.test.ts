import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../agent/config.ts';
import { ConfigurationError } from '../../agent/exit-codes.ts';
import { helpText } from '../../agent/help.ts';
import { removeFolders, temporaryFolder } from './support.ts';

afterAll(removeFolders);

const load = (env: Record<string, string>, home = temporaryFolder()) =>
  loadConfig(
    { EUCORA_AGENT_HOME: home, EUCORA_AGENT_SERVER: 'https://platform.example:8443/', ...env },
    'linux',
  );

describe('settings', () => {
  it('have defaults for all but the server', () => {
    const home = temporaryFolder();
    expect(load({}, home)).toEqual({
      server: 'https://platform.example:8443',
      ca: undefined,
      registrationKey: undefined,
      home,
      installRoot: undefined,
      hardwareId: undefined,
      concurrency: 1,
      startJitterMs: 5_000,
      stopGraceMs: 10_000,
      queueMaxRecords: 10_000,
      queueMaxBytes: 67_108_864,
      artifactMaxBytes: 4_294_967_296,
      http2: false,
      logLevel: 'info',
      childEnvironment: expect.objectContaining({ PATH: expect.any(String) }),
    });
  });

  it.each([
    ['http://platform.example', false],
    ['http://127.0.0.1.example:8080', false],
    ['http://localhost.example', false],
    ['http://192.0.2.1', false],
    ['http://localhost:8080', true],
    ['http://127.0.0.9', true],
    ['http://[::1]:8080', true],
    ['HTTPS://platform.example', true],
  ])('take the server %s: %s', (server, taken) => {
    const loaded = () => load({ EUCORA_AGENT_SERVER: server });
    if (taken) expect(loaded().server).toBe(server);
    else expect(loaded).toThrow(/EUCORA_AGENT_SERVER.*must begin with https:.*registration key/);
  });

  it('come from config.json; the environment goes before it, empty variables do not', () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'ca.pem'), 'CA');
    writeFileSync(join(home, 'key'), ' secret \n');
    writeFileSync(
      join(home, 'config.json'),
      JSON.stringify({
        server: 'https://file.example',
        concurrency: 2,
        http2: true,
        log_level: 'debug',
        registration_key_file: join(home, 'key'),
      }),
    );
    const config = load(
      {
        EUCORA_AGENT_LOG_LEVEL: 'error',
        EUCORA_AGENT_CONCURRENCY: '',
        EUCORA_AGENT_CA: join(home, 'ca.pem'),
        EUCORA_AGENT_INSTALL_ROOT: '/srv/root',
      },
      home,
    );
    expect(config).toMatchObject({
      server: 'https://platform.example:8443',
      concurrency: 2,
      http2: true,
      logLevel: 'error',
      ca: 'CA',
      registrationKey: 'secret',
      installRoot: '/srv/root',
    });
    expect(load({ EUCORA_AGENT_HTTP2: 'yes', EUCORA_AGENT_REGISTRATION_KEY: 'own' }, home)).toMatchObject({
      http2: true,
      registrationKey: 'own',
    });
  });

  it('that are wrong are all named, with what to do', () => {
    const home = temporaryFolder();
    expect(() => load({ EUCORA_AGENT_SERVER: 'ftp://x', EUCORA_AGENT_CONCURRENCY: '99' }, home)).toThrow(
      /EUCORA_AGENT_SERVER \(server in config\.json\): must be an http\(s\) URL\n {2}EUCORA_AGENT_CONCURRENCY/,
    );
    expect(() => load({ EUCORA_AGENT_CA: '/no/such/file' })).toThrow(
      /EUCORA_AGENT_CA names \/no\/such\/file/,
    );
    writeFileSync(join(home, 'empty'), '\n');
    expect(() => load({ EUCORA_AGENT_REGISTRATION_KEY_FILE: join(home, 'empty') })).toThrow(/is empty/);
    expect(() => load({ EUCORA_AGENT_CA: 'no-such-relative-file' })).toThrow(/which cannot be read/);
    writeFileSync(join(home, 'config.json'), '[1]');
    expect(() => load({}, home)).toThrow(/is not a JSON object/);
    writeFileSync(join(home, 'config.json'), '{"sever":"typo"}');
    expect(() => load({}, home)).toThrow(/config\.json: .*sever/);
    const unreadable = temporaryFolder();
    mkdirSync(join(unreadable, 'config.json'));
    expect(() => load({}, unreadable)).toThrow(ConfigurationError);
  });

  it('are all in the help', () => {
    const help = helpText('linux');
    for (const name of ['HOME', 'SERVER', 'CA', 'REGISTRATION_KEY', 'INSTALL_ROOT', 'LOG_LEVEL']) {
      expect(help).toContain(`EUCORA_AGENT_${name} `);
    }
  });
});
