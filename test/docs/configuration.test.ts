import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationTable } from './configuration-table.ts';
import { ROOT, readPage } from './support.ts';

const PATH = 'docs/operations/configuration.md';
const MARKED = /<!-- settings -->\n[\s\S]*\n<!-- \/settings -->/;

it('configuration.md says of every setting what the schema says', () => {
  const wanted = `<!-- settings -->\n${configurationTable()}\n<!-- /settings -->`;
  const { content } = readPage(PATH);
  // UPDATE_DOCS=1 writes the table anew after a change of the schema.
  if (process.env['UPDATE_DOCS'] === '1')
    writeFileSync(
      join(ROOT, PATH),
      content.replace(MARKED, () => wanted),
    );
  expect(MARKED.exec(readPage(PATH).content)?.[0]).toBe(wanted);
});
