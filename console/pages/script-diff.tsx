import { diffLines } from 'diff';

/** What a person changed of a suggested script, line by line. */
export function ScriptDiff({ before, after }: { before: string; after: string }) {
  return (
    <pre class="json diff" tabindex={0}>
      {diffLines(`${before}\n`, `${after}\n`).map(({ value, added, removed }) =>
        value
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => (
            <span class={added ? 'added' : removed ? 'removed' : undefined}>
              {`${added ? '+' : removed ? '-' : ' '} ${line}\n`}
            </span>
          )),
      )}
    </pre>
  );
}
