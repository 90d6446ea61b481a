import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Artifact, artifactSchema, sha256Schema } from '../../contracts/artifact/artifact.ts';
import type { Api } from '../client/api.ts';
import { CliError, messageOf, usageError } from '../client/errors.ts';

/** A file that can be uploaded, or one that the platform has. */
export interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly sha256: string;
  readonly size_bytes: number;
  /** By which a change shows, as it was before the hash was begun. */
  readonly stamp: string;
}

export async function inspectFile(path: string, name: string = basename(path)): Promise<LocalFile> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error('it is not a file');
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of createReadStream(path)) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      hash.update(bytes);
    }
    return { path, name, sha256: hash.digest('hex'), size_bytes: size, stamp: stampOf(found) };
  } catch (error) {
    throw usageError(`${path} cannot be read: ${messageOf(error)}`, undefined, error);
  }
}

const stampOf = ({ ino, size, mtimeMs }: Stats): string => JSON.stringify([ino, size, mtimeMs]);

/** Sends a file; the platform refuses it when it does not arrive as it was. */
export async function uploadFile(api: Api, file: LocalFile): Promise<Artifact> {
  const query = { name: file.name, sha256: file.sha256 };
  const upload = { open: () => createReadStream(file.path), bytes: file.size_bytes };
  try {
    return await api.upload('/artifacts', artifactSchema, query, upload);
  } catch (error) {
    const interrupted = error instanceof CliError && error.reason === 'interrupted';
    const stamp = await stat(file.path).then(stampOf, () => undefined);
    if (interrupted || stamp === file.stamp) throw error;
    // Told by the network or the platform as what it looked like to them: too short, too long, or another hash.
    throw usageError(
      `${file.path} ${stamp === undefined ? 'went away' : 'changed'} while it was sent`,
      'Let whatever writes it come to its end, and then run the command again.',
      error,
    );
  }
}

/** How a task names an artifact, and the file behind it if it is a local one. */
export interface ChosenArtifact {
  readonly reference: { readonly sha256: string; readonly size_bytes?: number; readonly name?: string };
  readonly file?: LocalFile;
}

/** `value` is the path of a file, or the SHA-256 of an artifact that the platform has. */
export async function chooseArtifact(value: string): Promise<ChosenArtifact> {
  if (sha256Schema.safeParse(value.toLowerCase()).success)
    return { reference: { sha256: value.toLowerCase() } };
  const file = await inspectFile(value);
  return { reference: { sha256: file.sha256, size_bytes: file.size_bytes, name: file.name }, file };
}

export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw usageError(`${path} cannot be read: ${messageOf(error)}`, undefined, error);
  }
}
