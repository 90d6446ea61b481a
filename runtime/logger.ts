import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Fields that may hold secrets, wherever a request or an error is logged. */
const SECRET_PATHS = [
  'authorization',
  'cookie',
  'registration_key',
  'token',
  'csr',
  'password',
  '*.authorization',
  '*.cookie',
  '*.registration_key',
  '*.token',
  '*.csr',
  '*.password',
];

/** JSON lines on stdout, one an event; times ISO 8601 in UTC. */
export function createLogger(name: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    name,
    level,
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
