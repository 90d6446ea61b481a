import type { ErrorCode } from '../../contracts/http/errors.ts';

/** What an operator can do at the command line, by error code; `docs/errors/` says it at length. */
export const HINTS: Readonly<Record<ErrorCode, string>> = {
  'invalid-request': 'Check the arguments; if they are right, CLI and platform may differ in version.',
  'validation-failed': 'Correct the values named above.',
  'invalid-cursor': 'Ask for the list again from its beginning, without --cursor.',
  unauthenticated:
    'Give a valid operator token: EUCORA_TOKEN or --token-file. It may have expired or been revoked.',
  'certificate-required': 'This address is for agents; use the operators’ address (--api).',
  'certificate-invalid': 'This address is for agents; use the operators’ address (--api).',
  'agent-revoked': 'Enrol the machine again with a new enrolment token.',
  'enrolment-token-invalid': 'Make a new one: eucora tokens enrolment create.',
  forbidden: 'Use a token with a wider scope; `eucora whoami` shows what yours allows.',
  'four-eyes-required': 'Have another person do it, with a token of their own.',
  'deployment-required': 'Package it (eucora packages build), and then: eucora deployments create.',
  'wrong-agent': 'Check the id of the agent.',
  'not-found': 'Check the id with the matching list command; it may have been deleted.',
  'method-not-allowed': 'CLI and platform may differ in version.',
  'task-state-conflict': 'Look at its present state: eucora tasks show ID.',
  'agent-cloned': 'The clone must enrol anew; see `eucora audit list --kind security`.',
  'idempotency-conflict': 'Run the command again; it then uses a new key.',
  'agent-state-conflict': 'Look at its present state: eucora agents show ID.',
  'too-many-agents': 'Look who fits now (--dry-run), then narrow the filters or raise --max-agents.',
  'incident-state-conflict': 'Look at its present state: eucora incidents show ID.',
  'remedy-blocked': 'Mend the script where the values above say, and send it again.',
  'pipeline-state-conflict': 'Look at its present state: eucora packages show ID.',
  'exception-state-conflict': 'Look at its present state: eucora exceptions list.',
  'deployment-state-conflict': 'Look at its present state: eucora deployments show ID.',
  'payload-too-large': 'Send less, or have the limit raised (docs/operations/configuration.md).',
  'unsupported-media-type': 'CLI and platform may differ in version.',
  'range-not-satisfiable': 'Ask for a part that lies within the file.',
  'rate-limited': 'Wait a minute and try again.',
  'internal-error':
    'See whether it was done before you repeat it; the platform’s log tells more by the correlation id.',
  'store-full': 'See what nothing needs any more: eucora store clean --dry-run.',
  unavailable: 'Try again shortly; docs/operations/troubleshooting.md helps if it stays so.',
};
