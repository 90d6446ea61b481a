import type { Command, Option } from 'commander';
import { z } from 'zod';
import { DEFAULT_PAGE_SIZE } from '../../contracts/http/common.ts';
import { readList } from '../client/paging.ts';
import type { Column } from '../output/printer.ts';
import type { Context, Runtime } from './context.ts';
import { option, whole } from './values.ts';

/** An option that narrows a list: commander's side, and its name in the query. */
export interface Filter {
  readonly option: Option;
  readonly key: string;
  /** Sent when the option is given as a flag; its value otherwise. */
  readonly value?: boolean;
}

export interface ListOptions<T> {
  readonly path: string | ((context: Context, args: readonly string[]) => string);
  readonly item: z.ZodType<T>;
  readonly columns: readonly Column<T>[];
  readonly filters: readonly Filter[];
  /** What one item is called when there is none. */
  readonly nothing: string;
}

const optionsSchema = z.looseObject({
  limit: z.number().default(DEFAULT_PAGE_SIZE),
  all: z.boolean().default(false),
  cursor: z.string().optional(),
});
const queryValue = z.union([z.string(), z.number(), z.boolean()]);

/** Makes `command` show a list of the API, page by page, as far as it is asked to. */
export function asList<T>(runtime: Runtime, command: Command, list: ListOptions<T>): Command {
  for (const filter of list.filters) command.addOption(filter.option);
  command
    .addOption(
      option('--limit <count>', `how many to show (default: ${DEFAULT_PAGE_SIZE})`, whole(1, 1_000_000)),
    )
    .option('--all', 'show all, page after page')
    .option('--cursor <cursor>', 'go on where a list ended: its next_cursor');
  return runtime.act(command, optionsSchema, async (context, options, args) => {
    const limit = options.all ? Number.POSITIVE_INFINITY : options.limit;
    const query = { ...queryOf(list.filters, options), cursor: options.cursor };
    const path = typeof list.path === 'string' ? list.path : list.path(context, args);
    const page = await readList(await context.api(), path, list.item, query, limit);
    context.out.answer(page, () =>
      page.items.length === 0 ? '' : context.out.table(list.columns, page.items),
    );
    if (page.items.length === 0) context.out.note(`No ${list.nothing}.`);
    if (page.next_cursor !== null) context.out.note('There are more: --limit COUNT or --all shows them.');
  });
}

function queryOf(filters: readonly Filter[], options: Readonly<Record<string, unknown>>) {
  const query: Record<string, string | number | boolean> = {};
  for (const filter of filters) {
    const given = queryValue.safeParse(options[filter.option.attributeName()]);
    if (given.success) query[filter.key] = filter.value ?? given.data;
  }
  return query;
}
