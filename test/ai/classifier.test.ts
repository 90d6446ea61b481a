import { join } from 'node:path';
import { calibrated } from '../../ai/classifier/calibration.ts';
import { classifyByRules, TOPICS } from '../../ai/classifier/classify.ts';
import { remedyFor } from '../../ai/classifier/remedies.ts';
import { evaluateIncidents } from '../../ai/evaluation/incidents.ts';
import { incidentRow, readRows } from '../../ai/evaluation/rows.ts';
import { inspectScript } from '../../ai/guardrails/index.ts';
import { PLATFORMS } from '../../contracts/agent/agent.ts';
import { FAILURE_CATEGORIES, failureSchema } from '../../contracts/incident/ai.ts';
import { assistantWith } from './support/assistant.ts';

const rows = readRows(join(__dirname, 'corpus', 'incidents.jsonl'), incidentRow);

describe('The rules', () => {
  it('classify at least 85 % of the held-out failures, in every class more than half', async () => {
    const figures = await evaluateIncidents(rows, assistantWith({}), { halves: true });
    expect(figures).toMatchObject({ provider: 'offline', offline: true, tokens: 0 });
    expect(figures.rows).toBeGreaterThanOrEqual(200);
    expect(figures.held_out?.rows).toBeGreaterThan(90);
    expect(figures.held_out?.accuracy).toBeGreaterThanOrEqual(0.85);
    for (const category of FAILURE_CATEGORIES)
      expect(figures.held_out?.classes[category]?.recall).toBeGreaterThan(0.5);
    // What is said with more confidence is right more often.
    const [low, high] = [
      figures.reliability.filter(({ to }) => to <= 0.8),
      figures.reliability.filter(({ from }) => from >= 0.9),
    ];
    const right = (bins: typeof low): number =>
      bins.reduce((sum, { right: part, rows: count }) => sum + (part ?? 0) * count, 0) /
      Math.max(
        1,
        bins.reduce((sum, { rows: count }) => sum + count, 0),
      );
    expect(right(high)).toBeGreaterThan(right(low));
  });

  it('classify the failures that they were tuned on', async () => {
    const tuning = readRows(join(__dirname, 'corpus', 'incidents-tuning.jsonl'), incidentRow);
    const figures = await evaluateIncidents(tuning, assistantWith({}), { halves: false });
    expect(figures.accuracy).toBeGreaterThanOrEqual(0.97);
  });

  it('take the error for more than the log, and the end of the log for more than its beginning', () => {
    const log = [
      'W: certificate has expired',
      'Retrying',
      'ok',
      'a',
      'b',
      'c',
      'd',
      'e',
      'mkdir: Permission denied',
    ].join('\n');
    expect(classifyByRules(failureSchema.parse({ platform: 'linux', log })).category).toBe(
      'PERMISSION_ISSUE',
    );
    expect(
      classifyByRules(failureSchema.parse({ platform: 'linux', log, error: 'Could not resolve host' }))
        .category,
    ).toBe('NETWORK_ISSUE');
  });

  it('know exit codes by platform and tool', () => {
    const by = (platform: 'linux' | 'windows', exit_code: number, error = '') =>
      classifyByRules(failureSchema.parse({ platform, exit_code, error })).category;
    expect([
      by('windows', 1633),
      by('windows', -2147024891),
      by('windows', 1639),
      by('linux', 7, 'curl failed'),
      by('linux', 6, 'wget gave up'),
      by('linux', 127),
    ]).toEqual([
      'COMPATIBILITY_ISSUE',
      'PERMISSION_ISSUE',
      'CONFIGURATION_ERROR',
      'NETWORK_ISSUE',
      'PERMISSION_ISSUE',
      'CONFIGURATION_ERROR',
    ]);
  });

  it('say little where nothing is known', () => {
    const { certainty, evidence } = classifyByRules(failureSchema.parse({ platform: 'macos', error: 'hm' }));
    expect(calibrated(certainty)).toBeLessThan(0.7);
    expect(evidence).toEqual([]);
  });

  it('calibration rises from 0 to 1', () => {
    const values = [-1, 0, 0.1, 0.3, 0.45, 0.6, 0.8, 1].map(calibrated);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  });
});

describe('Remedies of the rules', () => {
  const failure = (platform: (typeof PLATFORMS)[number]) =>
    failureSchema.parse({
      platform,
      error:
        'bind() to 0.0.0.0:8080 failed (98: Address already in use); avc: denied for /srv/app/data; Read-only file system: /opt/app/x',
    });
  const remedies = PLATFORMS.flatMap((platform) =>
    TOPICS.map(({ id }) => ({ platform, id, remedy: remedyFor(id, failure(platform)) })).filter(
      ({ remedy }) => remedy !== undefined,
    ),
  );

  it('are there for the usual failures', () => {
    expect(remedies.length).toBeGreaterThan(15);
  });

  it.each(remedies)('$id on $platform passes the guardrails', ({ platform, remedy }) => {
    const interpreter = platform === 'windows' ? 'powershell' : 'sh';
    expect(inspectScript(remedy?.script ?? '', interpreter)).toEqual([]);
    expect(inspectScript(remedy?.verification ?? '', interpreter)).toEqual([]);
  });

  it.each(PLATFORMS)(
    'put nothing of the failure into a script but numbers and plain paths (%s)',
    (platform) => {
      const hostile = failureSchema.parse({
        platform,
        error: 'port 80; $(reboot) already in use at /x`id`; avc: denied /a;b $(id); read-only "/c d"',
        log: 'rm -rf /',
      });
      for (const { id } of TOPICS)
        expect(remedyFor(id, hostile)?.script ?? '').not.toMatch(/reboot|`|\$\(id\)|;b|rm -rf/);
    },
  );

  it.each([
    ['address already in use 127.0.0.1:45123', 45_123],
    ['bind: address already in use 10.20.30.40', undefined],
    ['Error: listen EADDRINUSE: address already in use :::8080', 8_080],
    ['bind() to 0.0.0.0:80 failed (98: Address already in use)', 80],
    ['bind() to [2001:db8::10:20]:9443 failed', 9_443],
    ['listen tcp 192.168.10.20:5432: bind: address already in use', 5_432],
    ['10.11.12.13:7001 is in use', 7_001],
    ['port 127 is taken, then port 70000', 127],
    ['port 70000 is in use', undefined],
  ])('name the port of %s', (error, port) => {
    const remedy = remedyFor('port_in_use', failureSchema.parse({ platform: 'linux', error }));
    expect(/sport = :(\d+)/.exec(remedy?.script ?? '')?.[1]).toBe(port?.toString());
  });

  it('are none where what they need is not told', () => {
    for (const platform of PLATFORMS)
      expect(remedyFor('port_in_use', failureSchema.parse({ platform, error: 'in use' }))).toBeUndefined();
    expect(
      remedyFor('mandatory_access', failureSchema.parse({ platform: 'linux', error: 'hm' })),
    ).toBeUndefined();
    expect(remedyFor(undefined, failure('linux'))).toBeUndefined();
  });
});
