import { DOWNLOADED } from '../commands/model.ts';
import { partOf } from '../parts.ts';

/**
 * Packages that a command installs by their file or address: such a package was chosen by nobody who keeps a
 * repository, and its scripts run as root. Names of packages are none of them.
 */
const INSTALLS: Readonly<Record<string, RegExp>> = {
  dpkg: /(?:^|\s)(?:-\w*i\w*|--install|--unpack)(?:\s|$)/,
  apt: /\b(?:install|reinstall)\b/,
  'apt-get': /\b(?:install|reinstall)\b/,
  gdebi: /./,
  rpm: /(?:^|\s)(?:-[a-z]*[iuf][a-z]*|--install|--upgrade|--freshen)(?:\s|$)/i,
  yum: /\b(?:local)?install\b|\bupdate\b|\bupgrade\b/,
  dnf: /\b(?:local)?install\b|\bupdate\b|\bupgrade\b/,
  tdnf: /\binstall\b/,
  microdnf: /\binstall\b/,
  zypper: /\b(?:install|in)\b/,
  pacman: /(?:^|\s)-\w*U/,
  apk: /\badd\b/,
  snap: /\binstall\b/,
  flatpak: /\binstall\b/,
  installer: /(?:^|\s)-pkg\b/i,
  msiexec: /(?:^|\s)[/-](?:i|package|update|p)\b/i,
  wusa: /./,
  dism: /add-(?:package|provisionedappxpackage)/i,
  'add-appxpackage': /./,
  'add-appxprovisionedpackage': /./,
  'add-windowspackage': /./,
  'install-package': /./,
  pip: /\binstall\b/,
  pip3: /\binstall\b/,
  pipx: /\binstall\b/,
  npm: /\b(?:install|i|add|ci)\b/,
  pnpm: /\b(?:install|i|add)\b/,
  yarn: /\badd\b/,
  gem: /\binstall\b/,
  'install-module': /./,
  choco: /\b(?:install|upgrade)\b.*(?:--source|-s)\b/,
  brew: /\binstall\b/,
};
const ADDRESS = /^["']?(?:git\+|file=)?(?:https?|ftp):\/\//i;
/** Options whose value is an address, and no package: indexes, sources, proxies. */
const TAKES_ADDRESS =
  /^(?:--(?:index-url|extra-index-url|trusted-host|proxy|registry|source|find-links|repo\w*|keyserver|setopt\S*|mirror|cert|constraint))$/i;
const OF_PIP = /^-[icf]$/;

/** What `name` would install that came from elsewhere; undefined when nothing of it did. */
export function foreignPackage(
  name: string,
  args: readonly string[],
  contentsOf: (path: string) => string | undefined,
): string | undefined {
  const form = Object.hasOwn(INSTALLS, name) ? INSTALLS[name] : undefined;
  if (form === undefined || !form.test(args.join(' ')) || args.includes('--import')) return undefined;
  return args.find(
    (arg, index) =>
      (ADDRESS.test(arg) &&
        !TAKES_ADDRESS.test(partOf(args, index - 1)) &&
        !(name.startsWith('pip') && OF_PIP.test(partOf(args, index - 1)))) ||
      (/[./\\]/.test(arg) && contentsOf(arg.replace(/^\w+:(?=\/)/, ''))?.includes(DOWNLOADED) === true),
  );
}

/** Checks who made a file, or that it is the one that was meant. */
export const verifies = (line: string): boolean =>
  /^(?:(?:sha\d+sum|shasum|md5sum|b2sum)\b.*(?:\s-\w*c\b|--check)|gpgv?2?\b.*--verify|gpgv\b|codesign\s.*(?:-v|--verify)|pkgutil\s+--check-signature|spctl\s.*(?:-a|--assess)|rpm\s+(?:-k|--checksig)|rpmkeys\s.*--checksig|dpkg-sig\b|debsig-verify\b|get-authenticodesignature\b|get-filehash\b|certutil\b.*-hashfile|signtool\s+verify|minisign\s+-v|cosign\s+verify|openssl\s+dgst\s.*-verify)/.test(
    line,
  );
