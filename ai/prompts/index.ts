import { classifyIncidentV1 } from './classify-incident.v1.ts';
import { suggestRemediationV1 } from './suggest-remediation.v1.ts';

/** The versions in use; older ones stay beside them. */
export const PROMPTS = {
  classify: classifyIncidentV1,
  suggest: suggestRemediationV1,
} as const;
