/**
 * The closed list of what can go wrong at the API. A code never changes its meaning; each has a page in
 * `docs/errors/`. Status codes follow RFC 9110, bodies RFC 9457.
 */
export const ERRORS = {
  'invalid-request': { status: 400, title: 'The request is not well formed' },
  'validation-failed': { status: 422, title: 'A value in the request is not valid' },
  'invalid-cursor': { status: 400, title: 'The cursor was not made by this list' },
  unauthenticated: { status: 401, title: 'Valid credentials are needed' },
  'certificate-required': { status: 401, title: 'A client certificate of this platform is needed' },
  'certificate-invalid': { status: 401, title: 'The client certificate is not accepted' },
  'agent-revoked': { status: 401, title: 'The agent has been revoked' },
  'enrolment-token-invalid': { status: 401, title: 'The registration key is not accepted' },
  forbidden: { status: 403, title: 'The credentials do not allow this' },
  'four-eyes-required': { status: 403, title: 'This takes a second person' },
  'deployment-required': { status: 403, title: 'This takes a deployment' },
  'wrong-agent': { status: 403, title: 'The certificate belongs to another agent' },
  'not-found': { status: 404, title: 'There is no such resource' },
  'method-not-allowed': { status: 405, title: 'The resource does not take this method' },
  'task-state-conflict': { status: 409, title: 'The state of the task does not allow this' },
  'agent-cloned': { status: 409, title: 'Another machine uses the same identity' },
  'idempotency-conflict': { status: 409, title: 'The idempotency key was used for another request' },
  'agent-state-conflict': { status: 409, title: 'The state of the agent does not allow this' },
  'too-many-agents': { status: 409, title: 'More agents fit than may' },
  'incident-state-conflict': { status: 409, title: 'The state of the incident does not allow this' },
  'remedy-blocked': { status: 422, title: 'The guardrails do not let the script through' },
  'pipeline-state-conflict': { status: 409, title: 'The state of the pipeline does not allow this' },
  'exception-state-conflict': { status: 409, title: 'The state of the exception does not allow this' },
  'deployment-state-conflict': {
    status: 409,
    title: 'The state of the deployment does not allow this',
  },
  'payload-too-large': { status: 413, title: 'The body is larger than allowed' },
  'unsupported-media-type': { status: 415, title: 'The content type is not accepted here' },
  'range-not-satisfiable': { status: 416, title: 'The range lies outside the file' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'internal-error': { status: 500, title: 'The platform made a mistake' },
  'store-full': { status: 507, title: 'The store of artifacts is full' },
  unavailable: { status: 503, title: 'The platform cannot answer right now' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;
export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];
