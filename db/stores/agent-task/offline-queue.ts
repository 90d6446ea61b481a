import type { WhereOptions } from 'sequelize';
import { Op } from 'sequelize';
import type { OfflineQueueItem, OfflineQueueQuery } from '../../../contracts/agent-task/task.ts';
import type { Page } from '../../../contracts/http/common.ts';
import type { Database } from '../../database.ts';
import { iso, isoOrNull, newestFirst } from '../keyset.ts';

export function listOfflineQueue(
  database: Database,
  query: OfflineQueueQuery,
): Promise<Page<OfflineQueueItem>> {
  const filters: WhereOptions[] = [];
  if (query.agent_id !== undefined) filters.push({ agent_id: query.agent_id });
  if (query.delivered !== undefined)
    filters.push({ delivered_at: { [query.delivered ? Op.ne : Op.is]: null } });
  return newestFirst(database.models.offlineQueueItem, 'offline-queue', filters, query, (row) => ({
    ...row,
    queued_at: iso(row.queued_at),
    delivered_at: isoOrNull(row.delivered_at),
  }));
}
