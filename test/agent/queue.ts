import { Outbox } from '../../agent/queue/outbox.ts';
import type { OutboxRecord, WordRecord } from '../../agent/queue/records.ts';
import { Troubles } from '../../agent/troubles.ts';
import { captureLog, temporaryFolder } from './support.ts';

export const word = (task_id: string, said: WordRecord['word'], body = {}): WordRecord => ({
  kind: 'word',
  task_id,
  word: said,
  body,
  correlation_id: 'c',
});
export const sample = (n: number): OutboxRecord => ({
  kind: 'telemetry',
  sample: { collected_at: new Date(n).toISOString(), metrics: { n } },
});
export const report: OutboxRecord = {
  kind: 'deployment',
  report: { package_name: 'p', package_version: '1', status: 'INSTALLED' },
  correlation_id: 'c',
};

export async function outboxIn(directory = temporaryFolder(), bounds = {}) {
  const troubles = new Troubles();
  const captured = captureLog();
  const outbox = new Outbox({
    directory,
    maxRecords: 1_000,
    maxBytes: 1_000_000,
    log: captured.log,
    troubles,
    ...bounds,
  });
  await outbox.load();
  return { outbox, directory, troubles, ...captured };
}
