import { FAILURE_CATEGORIES, type FailureCategory } from '../../contracts/incident/ai.ts';

/**
 * Words that are at home in one kind of failure. Each says little; together they decide where no wording is known,
 * and tip the balance where two are.
 */
const WORDS: Readonly<Record<FailureCategory, RegExp>> = {
  INSTALLATION_FAILURE:
    /\b(?:install(?:er|ation|ed|ing)?|uninstall\w*|packages?|dpkg|rpm|msi|setup|unpack\w*|extract\w*|disk|space|corrupt\w*|damaged|checksum|hash|depend\w*|conflict\w*|roll(?:ed|ing)? ?back|script\w*|upgrade[ds]?|patch|already|in use|locked|build|compile|make|gcc|archive|transaction|overwrite|payload|incomplete|abort\w*|crash\w*)\b/gi,
  COMPATIBILITY_ISSUE:
    /\b(?:support\w*|unsupported|compatib\w*|incompatib\w*|versions?|requires?|required|minimum|newer|older|at least|later|processor|cpu|architectures?|arm64|aarch64|amd64|x86(?:_64)?|x64|apple silicon|intel|32-bit|64-bit|edition|kernel|runtime|framework|glibc|lib\w+\.so[\w.]*|dlopen|\w+\.dll|\.dylib|symbol|abi|hardware|gpu|platform|windows \d+|macos|obsolete|deprecated|end of life|avx2?|legacy)\b/gi,
  NETWORK_ISSUE:
    /\b(?:dial|lookup|dns|resolv\w*|hosts?|hostname|https?|url|proxy|proxies|pac|download\w*|fetch\w*|mirrors?|connect\w*|disconnect\w*|connection|sockets?|servers?|remote|time(?:d)? ?out|unreachable|network|internet|tls|ssl|certificate|handshake|gateway|endpoint|rsync|ftp|curl|wget|recv|transfer|bandwidth|offline|tcp|udp|vpn|wi-?fi|bytes received|registry\.\w+\.\w+|repodata|cdn|misbehaving|received|upload|retries|repository unreachable)\b/gi,
  PERMISSION_ISSUE:
    /\b(?:den(?:y|ied|ies)|deny_\w+|dec=deny\w*|permission\w*|permitted|privilege\w*|unauthori[sz]ed|authori[sz]ed|forbid\w*|forbidden|polic(?:y|ies)|block(?:ed|s)?|elevat\w*|admin\w*|root|superuser|sudo|allow(?:ed)?|sandbox|owner\w*|acls?|security|fapolicyd|selinux|apparmor|signed|unsigned|approv\w*|restricted|prevented|rights|credential\w*|access|consent|trusted|read-only|uac|mdm|refused by)\b/gi,
  CONFIGURATION_ERROR:
    /\b(?:config\w*|settings?|options?|propert(?:y|ies)|parameters?|arguments?|mandatory|supplied|specified|invalid|syntax|pars(?:e|ing|er)|environment|variables?|keys?|values?|licen[sc]e\w*|serial|defined|undefined|unset|must be|expected|unexpected|unknown|unrecogni[sz]ed|yaml|json|xml|toml|ini|\w+\.(?:conf|cfg|ini|ya?ml|json|toml|xml|plist|repo|list|env)|line \d+|column|port|address|directive|section|field|schema|format|malformed|empty|wrong|misconfig\w*|silent|switch|syntax|typo|path)\b/gi,
};
const A_WORD = 0.32;
const AT_MOST = 1.6;

/** Points by different words, each category apart. */
export function vocabularyPoints(text: string): Record<FailureCategory, number> {
  const points = FAILURE_CATEGORIES.map((category): [FailureCategory, number] => {
    const words = new Set(
      [...text.slice(0, 8_000).matchAll(WORDS[category])].map(([word]) => word.toLowerCase()),
    );
    return [category, Math.min(AT_MOST, words.size * A_WORD)];
  });
  return Object.fromEntries(points) as Record<FailureCategory, number>;
}
