/**
 * How much can go wrong with a deployment, as a sum of factors that are each shown with their reason. Pure, so that
 * the same facts give the same score to whoever asks.
 */
export interface RiskFacts {
  /** Devices that the deployment reaches, and devices that the fleet has. */
  readonly devices: number;
  readonly fleet: number;
  readonly critical_devices: number;
  /** Devices in the ring that begins; a small one shows failures to few. */
  readonly first_ring_devices: number;
  readonly findings: Readonly<Record<'critical' | 'high' | 'medium' | 'low', number>>;
  /** Policy exceptions that the pipeline's decision rests on. */
  readonly exceptions: number;
  readonly signed: boolean;
  /** Days until the signing certificate ends; null where it has no end. */
  readonly signing_days_left: number | null;
  /** `impossible`: there is no previous version, and the platform cannot uninstall. */
  readonly rollback: 'previous_version' | 'uninstall' | 'impossible' | 'none';
}

export const RISK_FACTORS = [
  'blast_radius',
  'platform_criticality',
  'scan_findings',
  'exceptions',
  'signing',
  'rollback_plan',
] as const;
export type RiskFactorName = (typeof RISK_FACTORS)[number];

export interface RiskFactor {
  readonly factor: RiskFactorName;
  readonly points: number;
  readonly max_points: number;
  readonly reason: string;
}

export interface Risk {
  /** 0 to 100. */
  readonly score: number;
  readonly factors: readonly RiskFactor[];
}

const MAX_POINTS: Readonly<Record<RiskFactorName, number>> = {
  blast_radius: 30,
  platform_criticality: 20,
  scan_findings: 20,
  exceptions: 10,
  signing: 10,
  rollback_plan: 10,
};

/** Certificates that end sooner may end within the rollout. */
const SOON_DAYS = 30;

type Judged = readonly [share: number, reason: string];

const JUDGES: Readonly<Record<RiskFactorName, (facts: RiskFacts) => Judged>> = {
  blast_radius({ devices, fleet, first_ring_devices }) {
    const share = fleet === 0 ? 0 : devices / fleet;
    // A hundred devices are half of the way to a million: what counts is the order of magnitude.
    const size = Math.min(1, Math.log10(devices + 1) / 4);
    const first = devices === 0 ? 0 : first_ring_devices / devices;
    return [
      0.4 * share + 0.4 * size + 0.2 * first,
      `${devices} of ${fleet} devices (${Math.round(100 * share)} %), ${first_ring_devices} of them in the first ring`,
    ];
  },
  platform_criticality({ devices, critical_devices }) {
    if (critical_devices === 0) return [0, 'no device is tagged critical'];
    return [
      0.5 + 0.5 * (critical_devices / Math.max(devices, 1)),
      `${critical_devices} of ${devices} devices are tagged critical`,
    ];
  },
  scan_findings({ findings }) {
    const { critical, high, medium, low } = findings;
    const reason = `${critical} critical, ${high} high, ${medium} medium, ${low} low`;
    if (critical > 0) return [1, reason];
    if (high > 0) return [Math.min(0.9, 0.6 + 0.1 * high), reason];
    return [Math.min(0.5, 0.05 * medium + 0.01 * low), reason];
  },
  exceptions({ exceptions }) {
    if (exceptions === 0) return [0, 'no exception was needed'];
    return [Math.min(1, 0.5 + 0.25 * (exceptions - 1)), `rests on ${counted(exceptions, 'exception')}`];
  },
  signing({ signed, signing_days_left }) {
    if (!signed) return [1, 'the package is not signed'];
    if (signing_days_left === null) return [0, 'signed with a key that has no end'];
    const days = `the signing certificate ends in ${counted(Math.floor(signing_days_left), 'day')}`;
    if (signing_days_left <= 0) return [1, 'the signing certificate has ended'];
    return [signing_days_left < SOON_DAYS ? 0.5 : 0, days];
  },
  rollback_plan({ rollback }) {
    if (rollback === 'previous_version') return [0, 'goes back to the previous version by itself'];
    if (rollback === 'uninstall') return [0.5, 'has no previous version: is uninstalled instead'];
    if (rollback === 'impossible')
      return [1, 'has no previous version, and this platform has no way to uninstall it'];
    return [1, 'is not rolled back by itself'];
  },
};

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export function assessRisk(facts: RiskFacts): Risk {
  const factors = RISK_FACTORS.map((factor): RiskFactor => {
    const [share, reason] = JUDGES[factor](facts);
    const max_points = MAX_POINTS[factor];
    return { factor, points: Math.round(Math.min(1, Math.max(0, share)) * max_points), max_points, reason };
  });
  return { score: factors.reduce((sum, { points }) => sum + points, 0), factors };
}
