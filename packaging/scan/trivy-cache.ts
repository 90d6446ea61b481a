import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolContext } from '../context.ts';

/** A scratch cache for what Trivy writes when it needs no database: pipelines side by side do not meet in it. */
export async function trivyCache(ctx: ToolContext): Promise<string> {
  const folder = join(ctx.workspace, 'trivy');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}
