import {
  type Component,
  type Finding,
  SEVERITIES,
  type Severity,
} from '../../contracts/packaging-pipeline/findings.ts';
import type {
  PackagingPolicy,
  PolicyDecision,
  PolicyRule,
  RuleOutcome,
} from '../../contracts/packaging-pipeline/policy.ts';
import type { Signature } from '../results.ts';
import { deniedBy } from './licenses.ts';

/** What of an exception counts here. */
export interface Excuse {
  readonly id: string;
  readonly cve_ids: readonly string[];
  /** ISO 8601. */
  readonly expires_at: string;
}

export interface PolicyFacts {
  readonly policy: PackagingPolicy;
  /** Severities that block whatever the policy says. */
  readonly floor: readonly Severity[];
  readonly findings: readonly Finding[];
  readonly components: readonly Component[];
  readonly signature: Pick<Signature, 'thumbprint' | 'timestamped'>;
  /** A package format. */
  readonly format: string;
  /** Approved exceptions for this package; those that have expired excuse nothing. */
  readonly exceptions: readonly Excuse[];
  /** When a third party's version came out, ISO 8601; undefined for our own software. */
  readonly released_at?: string | undefined;
  readonly now: Date;
}

const DAY_MS = 86_400_000;
const daysSince = (instant: string, now: Date): number => (now.getTime() - Date.parse(instant)) / DAY_MS;
const unique = (values: readonly string[]): string[] => [...new Set(values)].sort();
const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** An outcome for blocking findings: excused only when an exception covers each of them. */
function judged(
  rule: PolicyRule,
  blocking: readonly Finding[],
  facts: PolicyFacts,
  why: string,
): RuleOutcome {
  if (blocking.length === 0)
    return { rule, outcome: 'PASSED', reason: `No finding ${why}`, findings: [], exceptions: [] };
  const valid = facts.exceptions.filter(({ expires_at }) => Date.parse(expires_at) > facts.now.getTime());
  const used: string[] = [];
  const open = blocking.filter(({ id, aliases }) => {
    const excuse = valid.find(({ cve_ids }) => cve_ids.some((cve) => cve === id || aliases.includes(cve)));
    if (excuse !== undefined) used.push(excuse.id);
    return excuse === undefined;
  });
  const exceptions = unique(used);
  const excused = open.length === 0;
  return {
    rule,
    outcome: excused ? 'EXCUSED' : 'FAILED',
    reason: excused
      ? `${plural(blocking.length, 'finding')} ${why}, all excused`
      : `${plural(open.length, 'finding')} ${why}`,
    findings: unique((excused ? blocking : open).map(({ id }) => id)),
    exceptions,
  };
}

const blocksAtOnce = ({ severity, fixed_version }: Finding, { policy, floor }: PolicyFacts): boolean =>
  floor.includes(severity) ||
  (policy.block_severities.includes(severity) && (policy.block_unfixed || fixed_version !== null));

function severityGate(facts: PolicyFacts): RuleOutcome {
  const { policy, floor, findings } = facts;
  const blocking = findings.filter((finding) => blocksAtOnce(finding, facts));
  const gate = SEVERITIES.filter(
    (severity) => floor.includes(severity) || policy.block_severities.includes(severity),
  );
  return judged('severity-gate', blocking, facts, `of severity ${gate.join(', ')}`);
}

function findingAge(facts: PolicyFacts): RuleOutcome {
  const { policy, findings, now } = facts;
  const blocking = findings.filter((finding) => {
    const limit = policy.max_finding_age_days[finding.severity];
    // Of an unknown age: it may be older than any limit.
    return (
      limit !== undefined && (finding.published_at === null || daysSince(finding.published_at, now) > limit)
    );
  });
  return judged('finding-age', blocking, facts, 'known for longer than the policy allows');
}

function plain(
  rule: PolicyRule,
  failed: boolean,
  reason: string,
  findings: readonly string[] = [],
): RuleOutcome {
  return { rule, outcome: failed ? 'FAILED' : 'PASSED', reason, findings: unique(findings), exceptions: [] };
}

function licenses({ policy, components }: PolicyFacts): RuleOutcome {
  const denied = components.flatMap((component) => {
    const why = deniedBy(component.licenses, policy);
    return why === undefined ? [] : [`${component.name}@${component.version}: ${why}`];
  });
  const reason =
    denied.length === 0
      ? 'No component’s license is refused'
      : `${plural(denied.length, 'component')} of refused licenses`;
  return plain('licenses', denied.length > 0, reason, denied);
}

function allowedSigners({ policy, signature }: PolicyFacts): RuleOutcome {
  const { allowed_signers: allowed } = policy;
  const failed = allowed.length > 0 && !allowed.includes(signature.thumbprint);
  const reason = failed ? 'Signed by a key that the policy does not name' : 'Signed by an allowed key';
  return plain('allowed-signers', failed, `${reason}: ${signature.thumbprint}`);
}

function timestamp({ policy, signature, format }: PolicyFacts): RuleOutcome {
  const failed = policy.require_timestamp && format === 'msi' && !signature.timestamped;
  return plain(
    'timestamp',
    failed,
    failed ? 'The signature carries no timestamp' : 'No timestamp is missing',
  );
}

function releaseAge({ policy, released_at: releasedAt, now }: PolicyFacts): RuleOutcome {
  const limit = policy.min_release_age_days;
  if (releasedAt === undefined) return plain('release-age', false, 'Not a third party’s software');
  const days = daysSince(releasedAt, now);
  const failed = limit > 0 && !(days >= limit);
  return plain('release-age', failed, `Out for ${Math.floor(days)} days, ${limit} are asked for`);
}

const RULES = [severityGate, findingAge, licenses, allowedSigners, timestamp, releaseAge];

/**
 * Judges a package by a policy: every rule says what it saw and why, and the verdict is the worst of them. Pure: the
 * same facts give the same decision.
 */
export function decidePolicy(facts: PolicyFacts): PolicyDecision {
  const rules = RULES.map((rule) => rule(facts));
  const has = (outcome: RuleOutcome['outcome']): boolean => rules.some((rule) => rule.outcome === outcome);
  return {
    verdict: has('FAILED') ? 'FAILED' : has('EXCUSED') ? 'EXCUSED' : 'PASSED',
    policy: facts.policy.name,
    rules,
    exception_ids: unique(rules.flatMap(({ exceptions }) => exceptions)),
    decided_at: facts.now.toISOString(),
  };
}
