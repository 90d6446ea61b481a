import { hasUnknown, programName } from '../commands/model.ts';
import { isDisk } from '../commands/paths.ts';
import { partOf } from '../parts.ts';
import { lineRules, type Rule } from './rule.ts';

const wipes: Rule = (seen) => {
  const { name, args, redirects, line, before } = seen;
  const wipe = { code: 'disk_wipe', message: 'Overwrites or formats a disk' };
  if (redirects.some(({ operator, target }) => operator.startsWith('>') && isDisk(target))) return wipe;
  if (/^(?:dd|dcfldd|ddrescue|pv)$/.test(name)) {
    const target = args.map((arg) => /^of=(.*)$/.exec(arg)?.[1]).find((value) => value !== undefined);
    if (target !== undefined && (isDisk(target) || /^\/(?:etc|boot|bin|usr|lib)\//.test(target))) return wipe;
  }
  if (
    /^(?:cp|cat|tee|install)$/.test(name) &&
    args.some((arg, index) => isDisk(arg) && (name === 'tee' || index === args.length - 1) && name !== 'cat')
  )
    return wipe;
  // An archive, an image or a download that goes to a disk.
  if (
    args.some(
      (arg, index) =>
        isDisk(arg.replace(/^--?[a-z-]+=|^-[oOf](?=\/)/, '')) &&
        (/^-(?:o|O|f)\/|^--(?:output|file|outfile|output-document)=/.test(arg) ||
          (/^(?:-[oO]|--(?:output|output-document))$/.test(partOf(args, index - 1)) &&
            /^(?:curl|wget|xz|zstd|cpio|partclone.*|dump|aria2c)$/.test(name)) ||
          (/^(?:mv|rsync|scp|qemu-img|ditto|bmaptool)$/.test(name) && index === args.length - 1) ||
          (/^(?:tar|bsdtar|gtar)$/.test(name) && /^-?\w*f$|^--file$/.test(partOf(args, index - 1)))),
    ) &&
    !(
      /^(?:tar|bsdtar|gtar)$/.test(name) &&
      args.some((arg) => /^-?[a-z]*[xt][a-z]*$|^--(?:extract|list)$/.test(arg))
    )
  )
    return wipe;
  if (
    /^(?:mkfs|mkfs\..+|mke2fs|mkswap|newfs\w*|mkntfs|mkdosfs|mkreiserfs|zpool|pvcreate|wipefs|sgdisk|gdisk|sfdisk|fdisk|parted|blkdiscard|cryptsetup|hdparm|nvme|badblocks|scrub|nwipe|lvremove|vgremove|pvremove|mdadm|shred|wipe|partprobe)$/.test(
      name,
    )
  ) {
    return destroysDisk(name, args, line) ? wipe : undefined;
  }
  // What diskpart reads is a script of its own.
  if (name === 'diskpart') {
    const script = [
      seen.input,
      ...redirects.filter(({ operator }) => operator.startsWith('<')).map(({ target }) => target),
      ...before.flatMap(({ words }) => words),
    ].join('\n');
    return /\b(?:clean|format|delete|create\s+partition|convert)\b/i.test(script) ||
      args.some((arg) => /^\/s/i.test(arg))
      ? wipe
      : undefined;
  }
  if (name === 'format' && args.some((arg) => /^[a-z]:/i.test(arg))) return wipe;
  return undefined;
};

function destroysDisk(name: string, args: readonly string[], line: string): boolean {
  switch (name) {
    case 'zpool':
    case 'mdadm':
      return /\b(?:destroy|create|labelclear|--zero-superblock|--create)\b|--zero-superblock/.test(line);
    case 'cryptsetup':
      return /\b(?:luksformat|erase|lukserase|lukskillslot|luksremovekey|reencrypt)\b/.test(line);
    case 'hdparm':
      return /--(?:security-erase|trim-sector|write-sector|repair-sector)/.test(line);
    case 'nvme':
      return /\b(?:format|sanitize|write-zeroes|dsm)\b/.test(line);
    case 'badblocks':
      return args.some((arg) => /^-\w*[wn]/.test(arg));
    case 'fdisk':
    case 'gdisk':
      return !args.some((arg) => /^-[lxsv]$|^--list$/.test(arg));
    case 'sfdisk':
      return !args.some((arg) => /^-(?:l|d|-list|-dump|s)$/.test(arg));
    case 'sgdisk':
      return !args.every(
        (arg) => !/^-/.test(arg) || /^-(?:p|i\d*|v|-print|-info.*|-verify|b.*|-backup.*)$/.test(arg),
      );
    case 'parted':
      return /\b(?:mklabel|mktable|rm|mkpart|resizepart)\b/.test(line);
    case 'wipefs':
      return args.some((arg) => /^-\w*[ao]|^--(?:all|offset|force)/.test(arg));
    case 'shred':
    case 'wipe':
      return args.some((arg) => isDisk(arg));
    case 'partprobe':
      return false;
    default:
      return args.some((arg) => isDisk(arg) || hasUnknown(arg) || arg.startsWith('/dev/'));
  }
}

const disks = lineRules('disk_wipe', [
  [
    /^wmic\s.*\b(?:logicaldisk|volume|diskdrive|partition|win32_(?:logicaldisk|volume|diskpartition))\b.*\b(?:call\s+"?format\w*|delete)\b/,
    'Erases or reformats a disk',
  ],
  [
    /^diskutil\s+(?:quiet\s+)?(?:erase\w*|zerodisk|randomdisk|secureerase|partitiondisk|reformat|apfs\s+(?:delete\w*|erase\w*)|cs\s+delete\w*|corestorage\s+delete\w*|eject.*force)/,
    'Erases a disk',
  ],
  [
    /^(?:clear-disk|format-volume|initialize-disk|remove-partition|reset-physicaldisk|remove-virtualdisk|remove-storagepool|set-disk\s.*-isoffline|new-partition)\b/,
    'Erases or reformats a disk',
  ],
  [/^cipher\s.*\/w/, 'Overwrites a disk’s free space'],
  [
    /^(?:manage-bde|disable-bitlocker|clear-bitlocker\w*)\b.*(?:-forcerecovery|-off|-wipefreespace|-lock|clear)|^disable-bitlocker\b|^(?:manage-bde)\b.*-(?:protectors\s+-delete|delete)|^remove-bitlockerkeyprotector\b/,
    'Takes away a disk’s encryption or its keys',
  ],
  [
    /^hdiutil\s+(?:erasekeys)|^asr\s+.*--erase|^fdesetup\s+(?:disable|removerecovery)/,
    'Erases a disk or its keys',
  ],
  [
    /^fsutil\s+(?:file\s+setzerodata|usn\s+deletejournal|volume\s+dismount)/,
    'Overwrites data or the journal of a disk',
  ],
  [/^(?:sdelete|sdelete64)\s.*-[cz]\b/, 'Overwrites a disk’s free space'],
]);

const backups = lineRules('backup_deletion', [
  [/^vssadmin\s+(?:delete|resize)\s+shadow/, 'Deletes shadow copies'],
  [/^wmic\s.*shadowcopy\s.*delete|^wmic\s+shadowcopy\s+delete/, 'Deletes shadow copies'],
  [/^wbadmin\s+(?:delete|disable)/, 'Deletes backups'],
  [/^diskshadow\b/, 'Works on shadow copies by a script of its own'],
  [
    /^(?:remove-wbbackupset|remove-vmsnapshot|disable-computerrestore|remove-wbpolicy|delete-computerrestorepoint\w*)\b/,
    'Deletes backups or restore points',
  ],
  // One snapshot by its date is the system's own copy on the same disk: deleting it is how space is made.
  [
    /^tmutil\s+(?:delete(?!localsnapshots\s+\d{4}-\d\d-\d\d(?:-\d{6})?$)\w*|disable\w*|thinlocalsnapshots)/,
    'Deletes or stops backups',
  ],
  [
    /^(?:btrfs\s+subvolume\s+delete|zfs\s+destroy|lvremove|vgremove|pvremove|snapper\s+delete|timeshift\s+--delete|borg\s+delete|restic\s+forget|virsh\s+snapshot-delete)/,
    'Deletes volumes or snapshots',
  ],
]);

const shadowObjects: Rule = ({ name, before, line }) => {
  const asked = /win32_shadowcopy/.test(
    [line, ...before.map(({ words }) => words.join(' ').toLowerCase())].join(' '),
  );
  const deletes =
    /^(?:remove-wmiobject|remove-ciminstance|rwmi|rcim)$/.test(name) ||
    /\.delete\b|delete\(\)|delete$/.test(line);
  return asked && deletes ? { code: 'backup_deletion', message: 'Deletes shadow copies' } : undefined;
};

const boot = lineRules('boot_change', [
  [
    /^bcdedit\b.*[-/](?:set|delete|deletevalue|import|create|default|bootsequence|export.*\/delete)/,
    'Changes how the machine starts',
  ],
  [/^bootrec\b|^bootsect\b|^bcdboot\b|^reagentc\s+\/disable/, 'Changes how the machine starts'],
  [/^efibootmgr\b.*\s-(?:b.*-b|\w*[bodnc]\b)/, 'Changes how the machine starts'],
  [
    /^(?:grub2?-(?:install|mkconfig\s+-o\s+\/dev)|update-grub\s+-o|grubby\s+--remove|kernel-install\s+remove)/,
    'Changes how the machine starts',
  ],
  [
    /^(?:nvram\s+(?:-c|-d|boot)|bless\b(?!.*--(?:info|getboot))|csrutil\s+(?!status|report)\w|bputil\b(?!.*-d\b)|firmwarepasswd\b|kextcache\s+-invalidate|startosinstall)/,
    'Changes how the machine starts or what protects it',
  ],
  [
    /^(?:insmod|kextload|kmutil\s+load)\b.*(?:\/tmp|\/users|\/home)/,
    'Loads a part of the kernel from where anybody may write',
  ],
  [
    /^systemctl\s+(?:set-default\s+(?:rescue|emergency)|isolate\s+(?:rescue|emergency|poweroff|halt)|mask\s+(?:-\S+\s+)*(?:systemd-\w+|dbus|ssh|sshd|network\S*))/,
    'Takes away what the machine needs to run',
  ],
]);

/** Reading the file that dd or cat would write is no harm; reading a disk away is. */
const readsDisk: Rule = ({ name, args, redirects, before }) => {
  const reads = name === 'dd' && args.some((arg) => /^if=/.test(arg) && isDisk(arg.slice(3)));
  const sends =
    redirects.some(({ target }) => /^\/dev\/tcp\//.test(target)) ||
    before.some(({ words }) => programName(partOf(words, 0)) === 'ssh');
  return reads && sends ? { code: 'exfiltration', message: 'Sends a disk’s contents away' } : undefined;
};

export const DISK_RULES: readonly Rule[] = [wipes, disks, backups, shadowObjects, boot, readsDisk];
