import { reachOf } from '../commands/paths.ts';
import { verdict } from './deletion.ts';
import type { Rule, Seen } from './rule.ts';

/** What leaves a file's name and takes its content away, or leaves another one in its place. */

/** Archivers that take away what they have packed. */
const archives: Rule = ({ name, args, directory }) =>
  /^(?:tar|bsdtar|gtar|zip|7z|7za|rar)$/.test(name) &&
  args.some(
    (arg) =>
      /^--remove-files$|^-\w*m\w*$|^-sdel$|^-df$/.test(arg) && (name !== 'tar' || arg.startsWith('--')),
  ) &&
  args.some((arg) => /^[/~]|^[a-z]:/i.test(arg) && reachOf(arg, directory, true) === 'critical')
    ? { code: 'destructive_deletion', message: 'Packs what the system needs and deletes it' }
    : undefined;

/** Compressors that put what they have made in the place of the file, unless they are told otherwise. */
const PACKERS =
  /^(?:(?:un)?pigz|g(?:un)?zip|p?bzip2|lbzip2|bunzip2|p?xz|unxz|(?:un)?lzma|lzip|plzip|(?:un)?compress)$/;
const KEEPS = /^(?:--(?:keep|stdout|to-stdout|test|list|version|help|info)|-[a-z0-9]*[ckltVh][a-z0-9]*)$/;
/** Those that leave it, unless they are told otherwise: by what. */
const CAREFUL_PACKERS: readonly (readonly [name: RegExp, option: RegExp])[] = [
  [/^(?:(?:un)?zstd|zstdmt|pzstd|(?:un)?lz4)$/, /^--rm$/],
  [/^brotli$/, /^(?:--rm|-[a-z0-9]*j[a-z0-9]*)$/],
  [/^lzop$/, /^(?:--delete|-[a-z0-9]*U[a-z0-9]*)$/],
  [/^lrzip$/, /^(?:--delete|-[a-z0-9]*D[a-z0-9]*)$/],
];

const packs: Rule = ({ name, args, directory }) => {
  const asked = CAREFUL_PACKERS.find(([packer]) => packer.test(name))?.[1];
  const takes =
    asked === undefined
      ? PACKERS.test(name) && !args.some((arg) => KEEPS.test(arg))
      : args.some((arg) => asked.test(arg));
  if (!takes) return undefined;
  const recursive = args.some((arg) => /^(?:--recursive|-[a-z0-9]*r[a-z0-9]*)$/.test(arg));
  const worst = args
    .filter((arg) => !arg.startsWith('-'))
    .map((path) => verdict(path, directory, recursive)?.code)
    .find((code) => code !== undefined);
  return worst === undefined
    ? undefined
    : { code: worst, message: 'Puts a packed file in the place of what the system needs' };
};

const OVERWRITERS = new Set(
  'truncate clear-content clc set-content sc out-file new-item ni cp copy copy-item tee install ln mklink'.split(
    ' ',
  ),
);
/** Files that no remedy writes as a whole. */
const PRECIOUS =
  /^(?:\/(?:private)?\/?etc\/(?:passwd|shadow|group|gshadow|sudoers|sudoers\.d\/.*|fstab|pam\.d\/.*|ld\.so\.preload|master\.passwd)|\/boot\/.*|\/(?:usr\/)?s?bin\/[^/]+|[a-z]:\\(?:bootmgr|windows\\system32\\(?:config\\|drivers\\etc\\(?!hosts)|ntoskrnl|hal\.dll|winload|sethc|utilman|osk|magnify|narrator|lsass|csrss|cmd\.exe).*))$/i;

const overwrites: Rule = ({ name, args, redirects }) => {
  const files = redirects
    .filter(({ operator }) => operator === '>' || operator === '>>')
    .map(({ target }) => target);
  if (OVERWRITERS.has(name)) {
    const paths = args.filter((arg) => !/^-/.test(arg));
    files.push(
      ...(name === 'truncate' || name.includes('content') || name === 'tee' ? paths : paths.slice(-1)),
    );
  }
  return files.some((file) => PRECIOUS.test(file.replaceAll('/', file.includes('\\') ? '\\' : '/')))
    ? {
        code: 'system_file',
        message: 'Overwrites a file that decides who may get in or whether the machine starts',
      }
    : undefined;
};

const NOTHING = /^(?:\/dev\/null|(?:[a-z]:\\)?nul:?|\$null|)$/i;

/** Whether what a command writes is nothing, or a line without anything in it. */
function writesNothing({ name, args, redirects, input, before }: Seen): boolean {
  const words = args.filter((arg) => !/^-[neE]+$/.test(arg));
  const emptied = words.every((word) => NOTHING.test(word));
  const read = redirects.filter(({ operator }) => operator === '<').map(({ target }) => target);
  switch (name) {
    case ':':
    case 'true':
    case 'break':
    case 'echo.':
    case '$null':
      return true;
    case 'echo':
    case 'printf':
    case 'write-output':
      return emptied;
    case 'cat':
    case 'type':
    case 'get-content':
    case 'gc':
    case 'tee':
      return words.some((word) => NOTHING.test(word)) && name !== 'tee'
        ? emptied
        : read.some((file) => NOTHING.test(file)) || (before.length > 0 && input.trim() === '');
    default:
      return false;
  }
}

/** Files of which a command leaves the name only, or a part. */
function emptiedBy(seen: Seen): readonly string[] {
  const { name, args, redirects } = seen;
  const paths = args.filter((arg) => !/^-/.test(arg));
  const nothing = writesNothing(seen);
  const files = nothing
    ? redirects.filter(({ operator }) => operator === '>').map(({ target }) => target)
    : [];
  if (/^(?:truncate|clear-content|clc)$/.test(name)) {
    // A file that grows loses nothing.
    if (args.some((arg) => /^(?:-s|--size[= ]?)?\+\d/.test(arg))) return files;
    return [...files, ...paths];
  }
  if (name === 'tee' && nothing && !args.some((arg) => /^(?:-\w*a|--append)$/.test(arg)))
    files.push(...paths);
  if (
    /^(?:cp|copy|copy-item|cpi|install|ln)$/.test(name) &&
    paths.slice(0, -1).some((arg) => NOTHING.test(arg))
  )
    files.push(...paths.slice(-1));
  if (/^(?:set-content|sc|out-file)$/.test(name) && args.some((arg) => NOTHING.test(arg)))
    files.push(...paths);
  if (name === 'dd' && args.some((arg) => arg.startsWith('if=') && NOTHING.test(arg.slice(3))))
    files.push(...args.flatMap((arg) => /^of=(.+)$/.exec(arg)?.[1] ?? []));
  return files;
}

/** To leave nothing of a file is to delete it; what the kernel shows as files has nothing to lose. */
const truncates: Rule = (seen) =>
  emptiedBy(seen).some(
    (file) => !/^\/(?:proc|sys)\//.test(file) && reachOf(file, seen.directory, false) === 'critical',
  )
    ? { code: 'system_file', message: 'Empties a file that the system needs' }
    : undefined;

/** A script of sed that leaves nothing of a file, or hardly anything. */
const EMPTIES = /^(?:(?:\d+,\$|\/\.?\*?\/|\/\^\/)?\s*d|[qQ]|0?\d?q|s(.)\^?\.[*+]\$?\1\1\w*|\d+,\$\s*d)$/;

const empties: Rule = ({ name, args, directory }) => {
  if (!/^g?sed$/.test(name) || !args.some((arg) => /^-\w*i|^--in-place/.test(arg))) return undefined;
  return args.some((arg) => EMPTIES.test(arg.trim().replace(/^-e\s*|^--expression=/, ''))) &&
    args.some((arg) => /^[/~]/.test(arg) && reachOf(arg, directory, false) === 'critical')
    ? { code: 'system_file', message: 'Empties a file that the system needs' }
    : undefined;
};

export const EMPTYING_RULES: readonly Rule[] = [archives, packs, overwrites, truncates, empties];
