import type { SimulationReport } from './report.ts';
export function renderPage(report: SimulationReport): string {
  return `<pre>${JSON.stringify(report.checks, undefined, 1)}</pre>`;
}
