import type { Client } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../contracts/temporal.ts';

/** `INDEXED_VALUE_TYPE_KEYWORD` of Temporal's API. */
const KEYWORD = 2;
/** Given by gRPC when another setup was quicker. */
const ALREADY_EXISTS = 6;

/** Registers the custom search attributes that are missing. @returns their names */
export async function ensureSearchAttributes(client: Client, namespace: string): Promise<string[]> {
  const { operatorService } = client.connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(SEARCH_ATTRIBUTES).filter((name) => customAttributes[name] === undefined);
  if (missing.length > 0) {
    await operatorService
      .addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
      })
      .catch((error: { code?: number }) => {
        if (error.code !== ALREADY_EXISTS) throw error;
      });
  }
  return missing;
}
