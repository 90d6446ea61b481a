import type { Child } from 'hono/jsx';
import type { Query } from '../api.ts';
import { withQuery } from '../api.ts';

export interface Column<T> {
  readonly name: string;
  readonly cell: (row: T) => Child;
  /** Left out on narrow screens. */
  readonly wide?: boolean;
}

interface TableProps<T> {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
}

export function Table<T>({ caption, columns, rows }: TableProps<T>) {
  return (
    <section class="scroll" aria-label={caption} tabindex={0}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, wide }) => (
              <th scope="col" class={wide === true ? 'wide' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {columns.map(({ cell, wide }) => (
                <td class={wide === true ? 'wide' : undefined}>{cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface PagerProps {
  readonly path: string;
  readonly query: Query;
  readonly next: string | null;
  /** Part of the page that holds the list. */
  readonly anchor?: string;
  /** What names the cursor in the address, where a page has several lists. */
  readonly parameter?: string;
}

/** Lists are read by cursor: forward by link, back by the browser. */
export function Pager({ path, query, next, anchor, parameter = 'cursor' }: PagerProps) {
  const place = anchor === undefined ? '' : `#${anchor}`;
  const onFirst = query[parameter] === undefined || query[parameter] === '';
  if (next === null && onFirst) return null;
  const { [parameter]: _cursor, ...others } = query;
  return (
    <nav class="pager" aria-label="Pages">
      {onFirst ? null : <a href={`${withQuery(path, others)}${place}`}>First page</a>}
      {next === null ? null : (
        <a rel="next" href={`${withQuery(path, { ...others, [parameter]: next })}${place}`}>
          Next page
        </a>
      )}
    </nav>
  );
}
