import type { Context } from 'hono';
import type { Query } from './api.ts';

/** The parameters of a page that are named here and have a value; whatever else an address carries is not handed on. */
export function pick(c: Context, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of [...names, 'cursor']) {
    const value = c.req.query(name);
    if (value !== undefined && value !== '') picked[name] = value;
  }
  return picked;
}

/**
 * A form's text fields, trimmed; the empty ones are left out. Browsers send the lines of a text area with CR LF, which
 * no shell of a device takes: lines end with LF.
 */
export async function fields(c: Context): Promise<Record<string, string>> {
  const form = await c.req.parseBody();
  const filled: Record<string, string> = {};
  for (const [name, value] of Object.entries(form)) {
    if (typeof value === 'string' && value.trim() !== '') filled[name] = value.replace(/\r\n?/g, '\n').trim();
  }
  return filled;
}

/** All values of a field that may be given several times. */
export async function values(c: Context, name: string): Promise<string[]> {
  const form = await c.req.parseBody({ all: true });
  const value = form[name];
  return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string');
}

export type { Query };
