import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A GPG key of its own home; sign with it as `debsigs` and nfpm do. */
export interface DebSigner {
  readonly publicKey: string;
  readonly fingerprint: string;
  sign(deb: Buffer): Buffer;
  /** Ends gpg's own daemon, and removes the key. */
  dispose(): void;
}

const MAGIC = '!<arch>\n';

export function newDebSigner(name: string): DebSigner {
  // gpg's sockets need a short path.
  const home = mkdtempSync(join(tmpdir(), 'gpg-'));
  const gpg = (args: readonly string[], input?: Buffer): Buffer =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--no-tty', '--passphrase', '', ...args], {
      input,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  gpg(['--quick-generate-key', `${name} <${name}@example.org>`, 'rsa2048', 'sign', 'never']);
  const listed = gpg(['--list-keys', '--with-colons']).toString();
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1];
  if (fingerprint === undefined) throw new Error(`gpg made no key: ${listed}`);
  return {
    fingerprint,
    publicKey: gpg(['--export', '--armor']).toString(),
    sign(deb) {
      const signature = gpg(['--detach-sign', '--armor', '--digest-algo', 'SHA256'], contentOf(deb));
      return Buffer.concat([deb, member('_gpgorigin', signature)]);
    },
    dispose() {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The members one after the other, without their headers: what is signed. */
function contentOf(deb: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = MAGIC.length; at < deb.length; ) {
    const size = Number(deb.toString('latin1', at + 48, at + 58));
    parts.push(deb.subarray(at + 60, at + 60 + size));
    at += 60 + size + (size % 2);
  }
  return Buffer.concat(parts);
}

export function member(name: string, content: Buffer): Buffer {
  const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(content.length).padEnd(10)}\`\n`;
  return Buffer.concat([Buffer.from(header), content, Buffer.alloc(content.length % 2, '\n')]);
}

/** Where the bytes of a member begin, and how many there are. */
export function findMember(deb: Buffer, prefix: string): { offset: number; size: number } {
  for (let at = MAGIC.length; at < deb.length; ) {
    const size = Number(deb.toString('latin1', at + 48, at + 58));
    if (deb.toString('latin1', at, at + 16).startsWith(prefix)) return { offset: at + 60, size };
    at += 60 + size + (size % 2);
  }
  throw new Error(`No member ${prefix}`);
}
