import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { readJson, writeAtomically } from '../engines/files.ts';

const endpointsSchema = z.object({
  operator_api: z.string(),
  agent_api: z.string(),
  temporal_address: z.string(),
  /** null with an external Temporal whose Web UI nobody named (TEMPORAL_UI_URL). */
  temporal_ui: z.string().nullable(),
  ca_certificate: z.string(),
  admin_token_file: z.string(),
});

/** Where the running platform is reached; kept in `endpoints.json` of the data folder while it is ready. */
export type Endpoints = z.infer<typeof endpointsSchema>;

export async function writeEndpoints(path: string, endpoints: Endpoints): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(endpoints, undefined, 2)}\n`, 0o600);
}

export async function removeEndpoints(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** What a running platform wrote, undefined when there is none. */
export async function readEndpoints(path: string): Promise<Endpoints | undefined> {
  const parsed = endpointsSchema.safeParse(await readJson(path));
  return parsed.success ? parsed.data : undefined;
}
