import type { Scanner } from '../../contracts/packaging-pipeline/findings.ts';
import type { ToolContext } from '../context.ts';
import type { Scan } from '../results.ts';
import { scanByOsv } from './osv.ts';
import { scanByTrivy } from './trivy.ts';
import type { TrivyReports } from './trivy-reports.ts';

/**
 * Scans a laid-out tree, report into `<workspace>/scan.<scanner>.json`.
 * @param reports Trivy's of that tree, where there are some already
 * @throws PackagingError
 */
export function scan(
  ctx: ToolContext,
  tree: string,
  scanner: Scanner,
  reports?: TrivyReports,
): Promise<Scan> {
  return scanner === 'trivy' ? scanByTrivy(ctx, tree, reports) : scanByOsv(ctx, tree);
}
