import { type ScratchPostgres, scratchPostgres } from './engines.ts';

declare global {
  var eucoraTestPostgres: ScratchPostgres | undefined;
}

/** One Postgres for the whole run; workers find it by its URL in the environment. */
export default async function globalSetup(): Promise<void> {
  if (process.env['EUCORA_TEST_POSTGRES_URL'] !== undefined) return;
  const postgres = await scratchPostgres();
  globalThis.eucoraTestPostgres = postgres;
  process.env['EUCORA_TEST_POSTGRES_URL'] = postgres.url;
}
