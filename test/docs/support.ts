import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const ROOT = join(__dirname, '../..');

export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly content: string;
}

export const readPage = (path: string): Page => ({ path, content: readFileSync(join(ROOT, path), 'utf8') });

/** All pages of a folder of the repository, with those in its folders. */
export function pagesIn(folder: string): Page[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => readPage(relative(ROOT, join(entry.parentPath, entry.name))))
    .sort((a, b) => a.path.localeCompare(b.path));
}

/** What stands in backticks, on one line. */
export function codeSpans({ content }: Page): string[] {
  const prose = content.replace(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The lines of fenced blocks. */
export function codeLines({ content }: Page): string[] {
  return [...content.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].flatMap(([, code = '']) => code.split('\n'));
}
