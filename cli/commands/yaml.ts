import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type CliError, usageError } from '../client/errors.ts';

/** A file of YAML (or JSON, which is YAML) with what it takes to say on which line something is wrong. */
export interface YamlFile {
  readonly path: string;
  readonly value: unknown;
  /** Line of the value at a path such as `rings.0.size`, or of the nearest one around it. */
  readonly lineOf: (path: readonly PropertyKey[]) => number;
}

/** @throws CliError naming lines */
export function parseYaml(path: string, content: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const [wrong] = document.errors;
  if (wrong !== undefined) {
    const { line, col } = lines.linePos(wrong.pos[0]);
    throw usageError(`${path}:${line}:${col}: ${wrong.message}`, 'Mend the file; nothing was sent.');
  }
  return { path, value: toValue(document, path), lineOf: (at) => lineOf(document, lines, at) };
}

function toValue(document: Document, path: string): unknown {
  try {
    // Few aliases make few values: a file is not to grow beyond all bounds in memory.
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw usageError(`${path}: too many aliases`, 'Write out what the aliases stand for.', error);
  }
}

function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

/** The file's value by a contract. @throws CliError naming every wrong value with its line */
export function readAs<T>(file: YamlFile, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(file.value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not known here' }))
      : [{ path: issue.path, message: issue.message }],
  );
  throw wrongValues(file, errors);
}

export function wrongValues(
  file: YamlFile,
  errors: readonly { path: readonly PropertyKey[]; message: string }[],
): CliError {
  const told = errors.slice(0, 50).map(({ path, message }) => ({
    line: file.lineOf(path),
    text: `${path.length === 0 ? 'the file' : path.join('.')} ${message}`,
  }));
  told.sort((one, other) => one.line - other.line);
  const detail = told.map(({ line, text }) => `${file.path}:${line}: ${text}`).join('\n');
  const error = usageError(`${file.path} is not right`, 'Mend these lines; nothing was applied.');
  return Object.assign(error, { complaint: { ...error.complaint, detail } });
}
