/** Of what globalSetup started; a database given from outside is left alone. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.eucoraTestPostgres?.dispose();
}
