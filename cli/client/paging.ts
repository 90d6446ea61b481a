import type { z } from 'zod';
import { MAX_PAGE_SIZE, type Page } from '../../contracts/http/common.ts';
import type { Api, Query } from './api.ts';

/** Reads pages until `limit` items are there or the list ends. */
export async function readList<T>(
  api: Api,
  path: string,
  item: z.ZodType<T>,
  query: Query,
  limit: number,
): Promise<Page<T>> {
  const items: T[] = [];
  let cursor = query['cursor'];
  for (;;) {
    const size = Math.min(limit - items.length, MAX_PAGE_SIZE);
    const page = await api.page(path, item, { ...query, cursor, limit: size });
    for (const one of page.items) items.push(one);
    if (page.next_cursor === null || items.length >= limit) return { items, next_cursor: page.next_cursor };
    cursor = page.next_cursor;
  }
}
