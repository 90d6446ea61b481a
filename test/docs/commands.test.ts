import type { Command } from 'commander';
import { EXIT_CODES } from '../../cli/client/errors.ts';
import { buildProgram } from '../../cli/commands/program.ts';
import { codeSpans, pagesIn, readPage } from './support.ts';

const nothing = { write: () => undefined };
const program = buildProgram({
  stdout: nothing,
  stderr: nothing,
  stdin: { async *[Symbol.asyncIterator]() {} },
  env: {},
  version: '',
  signal: new AbortController().signal,
  now: Date.now,
  sleep: async () => {},
  runPlatform: async () => 0,
});

/** Names of all commands that do something, as `eucora tasks list`. */
function runnable(command: Command, prefix: string): string[] {
  const own = command.commands.length === 0 || command.name() === 'create' ? [prefix] : [];
  return [...own, ...command.commands.flatMap((child) => runnable(child, `${prefix} ${child.name()}`))];
}

/** What of `eucora …` is no command or option of the CLI; undefined when all of it is known. */
function unknownPart(line: string): string | undefined {
  let command = program;
  let options = program.options.map(({ long }) => long);
  let positional = false;
  for (const word of line.split(/\s+/).slice(1)) {
    if (word.startsWith('--')) {
      if (!['--help', '--version', ...options].includes(word)) return word;
      positional = true;
    } else if (!positional) {
      const next = command.commands.find((child) => child.name() === word);
      if (next === undefined && command.commands.length > 0) return word;
      positional = next === undefined;
      if (next !== undefined) command = next;
      options = [...options, ...command.options.map(({ long }) => long)];
    }
  }
  return undefined;
}

const pages = pagesIn('docs');

it.each(pages)('commands in $path exist', (page) => {
  const spans = codeSpans(page).filter((span) => /^eucora [a-z-]/.test(span));
  expect(spans.filter((span) => unknownPart(span) !== undefined)).toEqual([]);
});

it('notices a command that does not exist', () => {
  expect(unknownPart('eucora tasks lsit')).toBe('lsit');
  expect(unknownPart('eucora tasks list --colour')).toBe('--colour');
  expect(unknownPart('eucora tasks show ID --json')).toBeUndefined();
});

it('cli.md lists every command once, and every exit status', () => {
  const { content } = readPage('docs/operations/cli.md');
  const listed = [...content.matchAll(/^\| `(eucora [a-z -]+)` \|/gm)].map(([, name]) => name);
  expect(listed.toSorted()).toEqual(runnable(program, 'eucora').sort());
  for (const { code, meaning } of Object.values(EXIT_CODES)) {
    expect(content).toContain(`| ${code} | ${meaning} |`);
  }
});
