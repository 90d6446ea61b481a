export { simulatedSite } from './site.ts';
export { simulation } from './workflow.ts';
