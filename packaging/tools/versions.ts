import type { ToolContext } from '../context.ts';
import type { ToolReport, ToolVersion } from '../results.ts';
import { isolationOf } from './isolation.ts';
import { runTool } from './run-tool.ts';
import { findTool, sha256OfFile, TOOLS, type ToolName } from './toolbox.ts';

const ARGUMENTS: Partial<Record<ToolName, readonly string[]>> = { openssl: ['version'] };
/** Programs that do not tell, by the one that they come with. */
const TOLD_BY: Partial<Record<ToolName, ToolName>> = { rpm2archive: 'rpm' };
const NUMBER = /\d+\.\d+[0-9A-Za-z.+~-]*/;

/** By path: programs do not change while a worker runs, and asking all of them takes a second. */
const known = new Map<string, Promise<ToolVersion>>();

async function ask(ctx: ToolContext, name: ToolName, path: string): Promise<ToolVersion> {
  const [asked, sha256] = await Promise.all([
    runTool(ctx, TOLD_BY[name] ?? name, ARGUMENTS[name] ?? ['--version'], {
      quiet: true,
      exitCodes: [0, 1, 2],
      timeMs: 30_000,
    }),
    sha256OfFile(path),
  ]);
  const text = `${asked.stdout}\n${asked.stderr}`;
  return {
    name,
    version: NUMBER.exec(text)?.[0] ?? /version:?\s*(\S+)/i.exec(text)?.[1] ?? 'unknown',
    sha256,
  };
}

/** Which programs this worker has, by version and hash; those that it lacks are left out. */
export async function toolVersions(ctx: ToolContext): Promise<ToolReport> {
  const tools: ToolVersion[] = [];
  for (const name of Object.keys(TOOLS) as ToolName[]) {
    const path = await findTool(ctx.settings, name).catch(() => undefined);
    if (path === undefined) continue;
    let version = known.get(path);
    if (version === undefined) {
      version = ask(ctx, name, path);
      // What failed, perhaps because the step was aborted, is asked again.
      version.catch(() => known.delete(path));
      known.set(path, version);
    }
    tools.push(await version);
  }
  return { tools, isolation: await isolationOf(ctx.settings) };
}
