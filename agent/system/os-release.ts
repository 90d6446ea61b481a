import { readFile } from 'node:fs/promises';

export type OsRelease = Readonly<Partial<Record<'ID' | 'VERSION_ID' | 'PRETTY_NAME', string>>>;

/** What a Linux says of itself (os-release(5)); empty where there is no such file. */
export async function readOsRelease(path = '/etc/os-release'): Promise<OsRelease> {
  const content = await readFile(path, 'utf8').catch(() => '');
  const values: Record<string, string> = {};
  for (const [, name, value] of content.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)) {
    if (name !== undefined && value !== undefined && value !== '') values[name] = value;
  }
  return values;
}
