import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { type History, historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { WORKFLOW_TYPES } from '../../../contracts/temporal.ts';

const FOLDER = join(__dirname, '../histories');

/** Stories of each workflow type that must be there to be replayed, as `<type>.<story>.json`. */
export const STORIES: Readonly<Record<keyof typeof WORKFLOW_TYPES, readonly string[]>> = {
  agentTask: ['happy', 'lost-hand-over', 'timeout', 'cancelled'],
  agentPresence: ['expiry-with-alert'],
  alertDelivery: ['delivered', 'failed'],
  deployment: ['approved-and-completed', 'rolled-back'],
  maintenance: ['completed'],
  incident: ['resolved', 'canary-failed', 'fallen-back', 'stopped', 'stopped-unseen', 'expired', 'reopened'],
  packagingPipeline: ['passed', 'refused', 'cancelled'],
  storeMaintenance: ['completed'],
};

/** The stories of which no history lies among `files`. */
export function missingStories(files: readonly string[]): string[] {
  return Object.entries(STORIES)
    .flatMap(([type, stories]) => stories.map((story) => `${type}.${story}.json`))
    .filter((file) => !files.includes(file));
}

export function historyFiles(): string[] {
  try {
    return readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
  } catch {
    return [];
  }
}

export function readHistory(file: string): History {
  return historyFromJSON(JSON.parse(readFileSync(join(FOLDER, file), 'utf8')));
}

/** `RECORD_HISTORIES=incident.stopped` keeps the others of its type as they were released. */
export async function recordHistory(handle: WorkflowHandle, file: string): Promise<void> {
  const wanted = process.env['RECORD_HISTORIES'] ?? '';
  if (wanted.includes('.') && file !== `${wanted}.json`) return;
  await mkdir(FOLDER, { recursive: true });
  const history = await handle.fetchHistory();
  await writeFile(join(FOLDER, file), `${JSON.stringify(JSON.parse(historyToJSON(history)), null, 1)}\n`);
}
