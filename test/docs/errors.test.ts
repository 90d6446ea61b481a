import { ERROR_CODES, ERRORS } from '../../contracts/http/errors.ts';
import { pagesIn, readPage } from './support.ts';

it('each error code has a page, and no page is left over', () => {
  expect(pagesIn('docs/errors').map(({ path }) => path)).toEqual(
    ERROR_CODES.map((code) => `docs/errors/${code}.md`).sort((a, b) => a.localeCompare(b)),
  );
});

it.each(ERROR_CODES)('the page of %s says what it means and what to do', (code) => {
  const { status, title } = ERRORS[code];
  const { content } = readPage(`docs/errors/${code}.md`);
  expect(content.startsWith(`# ${code}\n\nStatus ${status}: ${title}.\n`)).toBe(true);
  expect(content).toMatch(/## What it means\n\n\S.+\n\n## What to do\n\n- \S/);
});
