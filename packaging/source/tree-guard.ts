import { posix } from 'node:path';
import type { ToolLimits } from '../context.ts';
import { machineTrouble, PackagingError, refused } from '../errors.ts';

export interface GuardOptions {
  readonly limits: Pick<ToolLimits, 'stagedBytes' | 'stagedFiles' | 'compressionRatio'>;
  /** Size of what is unpacked; ratio is counted against it. */
  readonly packedBytes: number;
  /** Whether the target's file system holds `A` and `a` for the same name. */
  readonly ignoresCase: boolean;
  /** Leading parts of each path that are dropped; what has no more of them is left out. */
  readonly stripComponents?: number;
  /** Packages are laid out from the root of a machine: there, absolute links count from the tree's root. */
  readonly rootedLinks?: boolean;
}

const RATIO_FREE_BYTES = 2 ** 20;
const MAX_PATH = 1_024;
const MAX_NAME = 255;
type Kind = 'folder' | 'file' | 'link';

const shown = (path: string): string => JSON.stringify(path.slice(0, 200));

/**
 * Decides about each entry of an archive before any of it is written, and counts what comes out. It holds no file
 * open and trusts no size that an archive claims.
 */
export class TreeGuard {
  readonly #options: GuardOptions;
  readonly #seen = new Map<string, { readonly path: string; kind: Kind }>();
  #entries = 0;
  #bytes = 0;
  #files = 0;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  get files(): number {
    return this.#files;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The path below the root, undefined for what stripping leaves nothing of. @throws PackagingError */
  admit(raw: string, kind: Kind): string | undefined {
    this.#entries += 1;
    if (this.#entries > this.#options.limits.stagedFiles) {
      throw refused(
        'too-many-entries',
        `The source holds more than ${this.#options.limits.stagedFiles} entries`,
      );
    }
    const parts = plainParts(raw).slice(this.#options.stripComponents ?? 0);
    if (parts.length === 0) return undefined;
    for (let length = 1; length < parts.length; length += 1) {
      this.#claim(parts.slice(0, length).join('/'), 'folder');
    }
    const path = parts.join('/');
    this.#claim(path, kind);
    if (kind === 'file') this.#files += 1;
    return path;
  }

  /** A symbolic link's target as it is written, seen from the link. @throws PackagingError when it leads out */
  admitTarget(path: string, target: string): string {
    if (target === '' || /[\u0000-\u001f\u007f\\]/.test(target)) {
      throw refused('bad-link', `${shown(path)} is a link to ${shown(target)}, which is no usable path`);
    }
    const rooted = target.startsWith('/') && this.#options.rootedLinks === true;
    const written = rooted ? posix.relative(posix.dirname(`/${path}`), target) || '.' : target;
    const reached = posix.normalize(posix.join(posix.dirname(path), written));
    if (written.startsWith('/') || reached === '..' || reached.startsWith('../')) {
      throw refused(
        'link-outside',
        `${shown(path)} is a link that leads out of the source, to ${shown(target)}`,
      );
    }
    return written;
  }

  /** Whether an earlier entry is a regular file, for hard links. */
  isFile(path: string): boolean {
    return this.#seen.get(this.#key(path))?.kind === 'file';
  }

  /** Counts unpacked bytes. @throws PackagingError when they are too many */
  count(bytes: number): void {
    this.#bytes += bytes;
    const { limits, packedBytes } = this.#options;
    if (this.#bytes > limits.stagedBytes) {
      throw refused('too-large', `The source unpacks to more than ${limits.stagedBytes} bytes`);
    }
    if (this.#bytes > RATIO_FREE_BYTES && this.#bytes > packedBytes * limits.compressionRatio) {
      throw refused(
        'compression-bomb',
        `The source unpacks to more than ${limits.compressionRatio} times its size`,
      );
    }
  }

  #key(path: string): string {
    return this.#options.ignoresCase ? path.normalize('NFC').toLowerCase() : path;
  }

  #claim(path: string, kind: Kind): void {
    const key = this.#key(path);
    const known = this.#seen.get(key);
    if (known === undefined) {
      this.#seen.set(key, { path, kind });
      return;
    }
    if (known.path !== path) {
      throw refused(
        'case-collision',
        `${shown(known.path)} and ${shown(path)} are one name on the target’s file system`,
      );
    }
    if (known.kind === 'link' && kind === 'folder')
      throw refused('through-link', `The source writes through its own link ${shown(path)}`);
    if (known.kind !== 'folder' || kind !== 'folder')
      throw refused('duplicate-name', `The source holds ${shown(path)} more than once`);
  }
}

/** Parts of a relative path without `.`; anything else than that is refused. */
function plainParts(raw: string): string[] {
  // Before all else: whatever reads the path later may stop at these or take them for separators.
  if (/[\u0000-\u001f\u007f\\]/.test(raw))
    throw refused('bad-name', `${shown(raw)} holds control characters or backslashes`);
  if (raw.includes('\ufffd') || !raw.isWellFormed())
    throw refused('bad-name', `${shown(raw)} is not valid UTF-8`);
  if (raw.startsWith('/') || /^[A-Za-z]:/.test(raw))
    throw refused('absolute-path', `${shown(raw)} is an absolute path`);
  const parts = raw.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refused('path-traversal', `${shown(raw)} leads out of the source`);
  if (raw.length > MAX_PATH || parts.some((part) => Buffer.byteLength(part) > MAX_NAME))
    throw refused('bad-name', `${shown(raw)} is too long`);
  return parts;
}

/** An error of a library that reads archives, as ours: the archive is at fault unless the system says otherwise. */
export function unreadable(what: string, error: unknown): PackagingError {
  if (error instanceof PackagingError) return error;
  return (
    machineTrouble(error, 'The source could not be unpacked') ??
    refused('unreadable', `The source is no readable ${what}: ${(error as Error).message}`, error)
  );
}
