import type { Command } from 'commander';
import { z } from 'zod';
import {
  type StoreCleaning,
  type StoreUsage,
  storeCleaningSchema,
  storeUsageSchema,
} from '../../contracts/artifact/store.ts';
import { type Column, text } from '../output/printer.ts';
import { confirm } from './confirm.ts';
import { noOptions, type Runtime } from './context.ts';

const fields: readonly Column<StoreUsage>[] = [
  { title: 'OBJECTS', text: (store) => text(store.objects) },
  { title: 'BYTES', text: (store) => text(store.bytes) },
  { title: 'QUOTA', text: (store) => (store.quota_bytes === null ? 'none' : text(store.quota_bytes)) },
  {
    title: 'NOT NEEDED',
    text: (store) => `${store.removable_objects} objects, ${store.removable_bytes} bytes`,
  },
];
const cleanOptions = z.object({ dryRun: z.boolean().default(false), yes: z.boolean().default(false) });

const told = ({ removed, objects, bytes, dry_run }: StoreCleaning): string =>
  [...removed, `${dry_run ? 'Would remove' : 'Removed'} ${objects} objects, ${bytes} bytes.\n`].join('\n');

export function addStore(program: Command, runtime: Runtime): void {
  const store = program.command('store').description('where artifacts, packages and evidence are kept');

  const show = store.command('show').description('how full it is, and how much of it nothing needs');
  runtime.act(show, noOptions, async ({ api, out }) => {
    const usage = await (await api()).get('/store', storeUsageSchema);
    out.answer(usage, () => out.fields(fields, usage));
  });

  const clean = store
    .command('clean')
    .option('--dry-run', 'only tell what would be removed')
    .option('--yes', 'do not ask')
    .description('remove what no pipeline, evidence or open task needs and is older than the retention');
  runtime.act(clean, cleanOptions, async ({ api, io, out }, { dryRun, yes }) => {
    if (!dryRun && !yes) await confirm(io, 'Remove what nothing needs from the store?');
    const query = { dry_run: dryRun };
    const done = await (await api()).post('/store/clean', storeCleaningSchema, undefined, { query });
    out.answer(done, () => told(done));
    if (done.more) out.note('There is more: clean again.');
  });
}
