import type { Finding, FindingCounts } from '../../contracts/packaging-pipeline/findings.ts';
import type { PolicyDecision } from '../../contracts/packaging-pipeline/policy.ts';

/** How many findings of each severity there are. */
export function countFindings(findings: readonly Finding[]): FindingCounts {
  const of = (severity: Finding['severity']) =>
    findings.filter((finding) => finding.severity === severity).length;
  return {
    critical: of('CRITICAL'),
    high: of('HIGH'),
    medium: of('MEDIUM'),
    low: of('LOW'),
    unknown: of('UNKNOWN'),
  };
}

/** A scan passes when nothing critical and nothing high was found; what follows from that is the policy's to say. */
export const scanPasses = ({ critical, high }: FindingCounts): boolean => critical === 0 && high === 0;

/** Why a decision lets the package not go on: the rules, and the findings that nothing excuses. Null: it may. */
export function refusalOf(decision: PolicyDecision): string | null {
  if (decision.verdict !== 'FAILED') return null;
  return decision.rules
    .filter(({ outcome }) => outcome === 'FAILED')
    .map(({ rule, reason, findings }) =>
      findings.length === 0 ? `${rule}: ${reason}` : `${rule}: ${reason} (${findings.join(', ')})`,
    )
    .join('; ');
}
