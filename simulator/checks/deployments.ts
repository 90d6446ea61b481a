import { type DeploymentFigures, GATE_PERCENT } from '../load/deployment.ts';
import { type CheckResult, Findings } from './check.ts';

const GONE_BACK = ['ROLLING_BACK', 'ROLLED_BACK'];
/** So far from the gate chance decides nothing. */
const CLEARLY = 1.5;

/** A bad package was stopped by a gate and taken back, another one reached its end. */
export function judgeDeployments(deployments: readonly DeploymentFigures[]): CheckResult {
  const findings = new Findings();
  for (const deployment of deployments) {
    findings.checked += deployment.agents;
    const percent = deployment.failure_share * 100;
    if (percent >= GATE_PERCENT * CLEARLY) judgeBad(deployment, findings);
    else if (percent <= GATE_PERCENT / CLEARLY && deployment.status !== 'COMPLETED')
      findings.wrong(() => `${deployment.package_name} is ${deployment.status}: ${deployment.reason}`);
  }
  return findings.result(
    'deployments end as they should',
    'A package that fails too often is stopped by the gate of a ring and taken back; any other reaches all rings.',
  );
}

function judgeBad(deployment: DeploymentFigures, findings: Findings): void {
  const { package_name, status, rings, installed } = deployment;
  if (!GONE_BACK.includes(status) || !rings.includes('STOPPED'))
    findings.wrong(() => `${package_name} is ${status}, its rings ${rings.join(', ')}: no gate stopped it`);
  else if (installed > 0) findings.wrong(() => `${installed} devices still have ${package_name}`);
}
