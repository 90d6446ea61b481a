import { type Finding, SEVERITIES } from '../../contracts/packaging-pipeline/findings.ts';
import {
  POLICY_RULES,
  type PolicyRule,
  packagingPolicySchema,
} from '../../contracts/packaging-pipeline/policy.ts';
import { decidePolicy, type PolicyFacts } from '../../packaging/index.ts';
import { holds } from '../../packaging/policy/licenses.ts';
import { fc } from '../harness/properties.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const FLOOR = ['CRITICAL', 'HIGH'] as const;
const THUMBPRINT = 'a'.repeat(64);

const finding = (changes: Partial<Finding> = {}): Finding => ({
  id: 'CVE-2019-10744',
  aliases: ['GHSA-jf85-cpcp-j695'],
  package: 'lodash',
  version: '4.17.4',
  fixed_version: '4.17.12',
  severity: 'CRITICAL',
  source: 'trivy',
  path: 'package-lock.json',
  title: null,
  published_at: '2026-05-01T00:00:00.000Z',
  ...changes,
});
const component = (...licenses: string[]) => ({ name: 'part', version: '1.0.0', purl: null, licenses });
const excuse = (cves: string[], expires = '2026-07-01T00:00:00Z', id = 'exception-1') => ({
  id,
  cve_ids: cves,
  expires_at: expires,
});

type Changes = Omit<Partial<PolicyFacts>, 'policy'> & { readonly policy?: object };
const facts = ({ policy = {}, ...rest }: Changes = {}): PolicyFacts => ({
  policy: packagingPolicySchema.parse(policy),
  floor: FLOOR,
  findings: [],
  components: [],
  signature: { thumbprint: THUMBPRINT, timestamped: false },
  format: 'msi',
  exceptions: [],
  now: NOW,
  ...rest,
});

describe('The policy', () => {
  it.each<[string, Changes, PolicyRule, 'PASSED' | 'EXCUSED' | 'FAILED']>([
    ['passes what has no findings', {}, 'severity-gate', 'PASSED'],
    ['stops a critical finding', { findings: [finding()] }, 'severity-gate', 'FAILED'],
    ['stops a high finding', { findings: [finding({ severity: 'HIGH' })] }, 'severity-gate', 'FAILED'],
    ['passes a medium finding', { findings: [finding({ severity: 'MEDIUM' })] }, 'severity-gate', 'PASSED'],
    [
      'passes what cannot be fixed, when told so',
      {
        findings: [finding({ severity: 'MEDIUM', fixed_version: null })],
        policy: { block_severities: ['MEDIUM'], block_unfixed: false },
      },
      'severity-gate',
      'PASSED',
    ],
    [
      'stops what can be fixed of the same severity',
      {
        findings: [finding({ severity: 'MEDIUM' })],
        policy: { block_severities: ['MEDIUM'], block_unfixed: false },
      },
      'severity-gate',
      'FAILED',
    ],
    [
      'cannot let a high finding through that the floor stops',
      { findings: [finding({ severity: 'HIGH' })], policy: { block_severities: [] } },
      'severity-gate',
      'FAILED',
    ],
    [
      'cannot let through what is not fixed and the floor stops',
      { findings: [finding({ fixed_version: null })], policy: { block_unfixed: false } },
      'severity-gate',
      'FAILED',
    ],
    [
      'excuses by an exception what the floor stops',
      {
        findings: [finding()],
        policy: { block_severities: [] },
        exceptions: [excuse(['CVE-2019-10744'])],
      },
      'severity-gate',
      'EXCUSED',
    ],
    [
      'alone decides where the installation has no floor',
      { findings: [finding()], policy: { block_severities: [] }, floor: [] },
      'severity-gate',
      'PASSED',
    ],
    [
      'excuses what an exception covers',
      { findings: [finding()], exceptions: [excuse(['CVE-2019-10744'])] },
      'severity-gate',
      'EXCUSED',
    ],
    [
      'excuses by another name of the same weakness',
      { findings: [finding()], exceptions: [excuse(['GHSA-jf85-cpcp-j695'])] },
      'severity-gate',
      'EXCUSED',
    ],
    [
      'takes no exception that has expired',
      { findings: [finding()], exceptions: [excuse(['CVE-2019-10744'], NOW.toISOString())] },
      'severity-gate',
      'FAILED',
    ],
    [
      'takes no exception that leaves one finding open',
      { findings: [finding(), finding({ id: 'CVE-1' })], exceptions: [excuse(['CVE-2019-10744'])] },
      'severity-gate',
      'FAILED',
    ],
    [
      'stops a medium finding that is known for too long',
      { findings: [finding({ severity: 'MEDIUM' })], policy: { max_finding_age_days: { MEDIUM: 30 } } },
      'finding-age',
      'FAILED',
    ],
    [
      'passes a medium finding that is young enough',
      { findings: [finding({ severity: 'MEDIUM' })], policy: { max_finding_age_days: { MEDIUM: 31 } } },
      'finding-age',
      'PASSED',
    ],
    [
      'takes a finding of unknown age for old',
      {
        findings: [finding({ severity: 'LOW', published_at: null })],
        policy: { max_finding_age_days: { LOW: 900 } },
      },
      'finding-age',
      'FAILED',
    ],
    [
      'stops a denied license',
      { components: [component('AGPL-3.0-only')], policy: { denied_licenses: ['AGPL-*'] } },
      'licenses',
      'FAILED',
    ],
    [
      'passes a choice with one license that is fine',
      { components: [component('MIT OR AGPL-3.0-only')], policy: { denied_licenses: ['agpl-*'] } },
      'licenses',
      'PASSED',
    ],
    [
      'stops a license that comes with each choice',
      { components: [component('(MIT OR ISC) AND SSPL-1.0')], policy: { denied_licenses: ['SSPL-1.0'] } },
      'licenses',
      'FAILED',
    ],
    [
      'stops a component without a license where only some are allowed',
      { components: [component()], policy: { allowed_licenses: ['MIT'] } },
      'licenses',
      'FAILED',
    ],
    [
      'stops an unknown signer',
      { policy: { allowed_signers: ['b'.repeat(64)] } },
      'allowed-signers',
      'FAILED',
    ],
    ['passes a known signer', { policy: { allowed_signers: [THUMBPRINT] } }, 'allowed-signers', 'PASSED'],
    ['stops a signature without time', { policy: { require_timestamp: true } }, 'timestamp', 'FAILED'],
    ['asks no time of a deb', { format: 'deb', policy: { require_timestamp: true } }, 'timestamp', 'PASSED'],
    [
      'stops a version that is out for too short',
      { released_at: '2026-05-30T00:00:00Z', policy: { min_release_age_days: 7 } },
      'release-age',
      'FAILED',
    ],
    [
      'passes a version that is out for long enough',
      { released_at: '2026-05-25T00:00:00Z', policy: { min_release_age_days: 7 } },
      'release-age',
      'PASSED',
    ],
    ['asks no age of our own software', { policy: { min_release_age_days: 7 } }, 'release-age', 'PASSED'],
  ])('%s', (_, changes, rule, outcome) => {
    const decision = decidePolicy(facts(changes));
    expect(decision.rules.find((each) => each.rule === rule)?.outcome).toBe(outcome);
    expect(decision.verdict).toBe(outcome);
    expect(decision.rules.map((each) => each.rule)).toEqual(POLICY_RULES);
  });

  it('names rule, findings and exceptions', () => {
    const decision = decidePolicy(facts({ findings: [finding()], exceptions: [excuse(['CVE-2019-10744'])] }));
    expect(decision.exception_ids).toEqual(['exception-1']);
    expect(decision.rules[0]).toMatchObject({ findings: ['CVE-2019-10744'], exceptions: ['exception-1'] });
    const failed = decidePolicy(facts({ findings: [finding(), finding({ id: 'CVE-1', aliases: [] })] }));
    expect(failed.rules[0]).toMatchObject({ findings: ['CVE-1', 'CVE-2019-10744'], exceptions: [] });
    expect(failed.rules[0]?.reason).toMatch(/2 findings/);
  });

  const anyFinding = fc
    .record({ id: fc.constantFrom('CVE-1', 'CVE-2', 'CVE-3'), severity: fc.constantFrom(...SEVERITIES) })
    .map((changes) => finding({ ...changes, aliases: [] }));
  const someFindings = fc.array(anyFinding, { maxLength: 6 });
  const someExcuses = fc.array(
    fc
      .record({ cve: fc.constantFrom('CVE-1', 'CVE-2', 'CVE-3'), days: fc.integer({ min: -5, max: 5 }) })
      .map(({ cve, days }) => excuse([cve], new Date(NOW.getTime() + days * 86_400_000).toISOString())),
    { maxLength: 4 },
  );

  it('never passes a critical or high finding that no exception in force covers, whatever the policy', () => {
    const anyPolicy = fc.record({
      block_severities: fc.subarray([...FLOOR]),
      block_unfixed: fc.boolean(),
    });
    fc.assert(
      fc.property(someFindings, someExcuses, anyPolicy, (findings, exceptions, policy) => {
        const { verdict } = decidePolicy(facts({ findings, exceptions, policy }));
        const open = findings.filter(
          ({ id, severity }) =>
            ['CRITICAL', 'HIGH'].includes(severity) &&
            !exceptions.some(
              ({ cve_ids, expires_at }) => cve_ids.includes(id) && Date.parse(expires_at) > NOW.getTime(),
            ),
        );
        expect(verdict === 'FAILED').toBe(open.length > 0);
      }),
    );
  });

  it('does not get milder by one more finding', () => {
    const rank = { PASSED: 0, EXCUSED: 1, FAILED: 2 };
    fc.assert(
      fc.property(someFindings, anyFinding, someExcuses, (findings, more, exceptions) => {
        const before = decidePolicy(facts({ findings, exceptions }));
        const after = decidePolicy(facts({ findings: [...findings, more], exceptions }));
        expect(rank[after.verdict]).toBeGreaterThanOrEqual(rank[before.verdict]);
      }),
    );
  });
});

describe('A license expression', () => {
  const mit = (license: string): boolean => license === 'MIT';
  it.each([
    ['MIT', true],
    ['GPL-2.0-only', false],
    ['MIT OR GPL-2.0-only', true],
    ['GPL-2.0-only AND MIT', false],
    ['MIT AND (GPL-2.0-only OR MIT)', true],
    ['MIT WITH Classpath-exception-2.0', true],
    ['The license of ours', false],
  ])('%s', (expression, expected) => {
    expect(holds(expression, mit)).toBe(expected);
  });
});
