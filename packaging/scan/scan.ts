import type { Scanner } from '../../contracts/packaging-pipeline/findings.ts';
import type { ToolContext } from '../context.ts';
import type { Scan } from '../results.ts';
import { scanByOsv } from './osv.ts';
import { scanByTrivy } from './trivy.ts';

/** Scans a laid-out tree, report into `<workspace>/scan.<scanner>.json`. @throws PackagingError */
export function scan(ctx: ToolContext, tree: string, scanner: Scanner): Promise<Scan> {
  return scanner === 'trivy' ? scanByTrivy(ctx, tree) : scanByOsv(ctx, tree);
}
