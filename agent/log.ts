import { types } from 'node:util';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that puts `fields` on every line. */
  with(fields: LogFields): Logger;
}

const SECRET_NAME = /key|secret|token|password|authorization|csr/i;

function printable(name: string, value: unknown): unknown {
  if (SECRET_NAME.test(name)) return '[redacted]';
  if (types.isNativeError(value)) return messageOf(value);
  return value;
}

/** The message of an error with those of its causes, which say what a bare "fetch failed" does not. */
export function messageOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error, depth = 0; at !== undefined && depth < 4; depth += 1) {
    const text = types.isNativeError(at) ? at.message || at.name : String(at);
    if (text !== '' && !parts.some((part) => part.includes(text))) parts.push(text);
    at = types.isNativeError(at) ? at.cause : undefined;
  }
  return parts.join(': ');
}

/** Writes JSON lines by `write`: time, level, message, fields; values under secret-sounding names are hidden. */
export function createLogger(level: LogLevel, write: (line: string) => void, fields: LogFields = {}): Logger {
  const least = LOG_LEVELS.indexOf(level);
  const at =
    (own: LogLevel) =>
    (message: string, more: LogFields = {}) => {
      if (LOG_LEVELS.indexOf(own) < least) return;
      const line: Record<string, unknown> = { time: new Date().toISOString(), level: own, message };
      for (const [name, value] of Object.entries({ ...fields, ...more })) line[name] = printable(name, value);
      write(`${JSON.stringify(line)}\n`);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (more) => createLogger(level, write, { ...fields, ...more }),
  };
}
