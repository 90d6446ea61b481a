import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { configSchema } from '../../contracts/config.ts';
import { SEARCH_ATTRIBUTES } from '../../contracts/temporal.ts';
import { codeLines, codeSpans, type Page, pagesIn, ROOT, readPage } from './support.ts';

const pages = [...(existsSync(join(ROOT, 'README.md')) ? [readPage('README.md')] : []), ...pagesIn('docs')];
const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));
const folders = readdirSync(ROOT, { withFileTypes: true })
  .filter(
    (entry) =>
      entry.isDirectory() && !['node_modules', 'dist', 'coverage', '.artifacts'].includes(entry.name),
  )
  .map(({ name }) => name);

/** Paths of the repository that a page names in backticks: those that begin with one of its folders. */
const pathsIn = (page: Page): string[] =>
  codeSpans(page).filter((span) => {
    const [first = '', ...rest] = span.split('/');
    return rest.length > 0 && folders.includes(first) && !/[\s<>*{…]/.test(span);
  });

const linksIn = ({ content }: Page): string[] =>
  [...content.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
const headingsIn = (content: string): string[] =>
  [...content.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading));

describe.each(pages)('$path', (page) => {
  it('names paths that exist', () => {
    expect(pathsIn(page).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('links to what exists', () => {
    const broken = linksIn(page).filter((link) => {
      const [file = '', anchor] = link.split('#');
      const path = file === '' ? page.path : join(dirname(page.path), file);
      if (!existsSync(join(ROOT, path))) return true;
      return anchor !== undefined && !headingsIn(readPage(path).content).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const commands = [...codeSpans(page), ...codeLines(page)].join('\n');
    const named = [...commands.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
      ([, run, own]) => run ?? own ?? '',
    );
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

const PLATFORM_FOLDERS = new Set(['docs/errors', 'docs/operations']);
const CLI_ONLY = new Set(['EUCORA_API', 'EUCORA_TOKEN']);

describe.each(pages.filter(({ path }) => PLATFORM_FOLDERS.has(dirname(path))))('$path', (page) => {
  it('names settings that exist', () => {
    const { content } = page;
    const known = new Set([...Object.keys(configSchema.shape), ...CLI_ONLY, ...embeddedSettings()]);
    const named = [...content.matchAll(/\bEUCORA_[A-Z_]*[A-Z]\b(?!_?\*)/g)].map(([name]) => name);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('names search attributes that exist', () => {
    const named = [...page.content.matchAll(/\bEucora[A-Z][A-Za-z]+\b/g)].map(([name]) => name);
    expect(named.filter((name) => !Object.values<string>(SEARCH_ATTRIBUTES).includes(name))).toEqual([]);
  });
});

/** Settings of the embedded platform, which has no schema: what its sources read. */
function embeddedSettings(): string[] {
  return ['cli/platform', 'cli/engines'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).flatMap((file) =>
      [...readFileSync(join(ROOT, folder, file), 'utf8').matchAll(/'(EUCORA_[A-Z_]+)'/g)].map(
        ([, name = '']) => name,
      ),
    ),
  );
}
