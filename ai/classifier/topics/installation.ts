import type { Topic } from '../topic.ts';

const category = 'INSTALLATION_FAILURE';

export const INSTALLATION_TOPICS: readonly Topic[] = [
  {
    id: 'disk_full',
    category,
    weight: 4,
    severity: 'high',
    pattern:
      /no space left on device|ENOSPC|not enough (?:free )?(?:disk )?space|insufficient (?:disk|free|storage) ?space|disk (?:is )?full|out of disk space|not have enough (?:free )?space|0x80070070|\berror(?: code)?:? 112\b|ERROR_DISK_FULL|at least \d+ ?[KMG]i?B more space needed|requires? (?:\d[\d.,]* ?[KMGT]i?B of )?(?:additional |free )?(?:disk )?space|not enough room|space needed|0x8A150105|disk space (?:check|requirement|is (?:low|insufficient))|less than the required space|Error 1606?8?\b.*space|volume .* is full|free up (?:some )?(?:disk )?space|not enough storage is available/i,
    cause: 'The disk has too little free space',
    advice: 'Free space on the disk (caches, old logs, old packages), then repeat the installation',
  },
  {
    id: 'read_only',
    category,
    weight: 4,
    severity: 'high',
    pattern:
      /read-?only file ?system|\bEROFS\b|mounted read-?only|read-?only (?:volume|partition|mount|root)|remount(?:ing|ed)?[^\n]{0,40}read-?only/i,
    cause: 'The file system is mounted read-only',
    advice: 'Check the disk, mount the file system for writing, or install into a place that can be written',
  },
  {
    id: 'package_unknown',
    category,
    weight: 3.7,
    pattern:
      /unable to locate package|no (?:match for argument|package[^\n]{0,80}(?:available|found|matching)|available formula|such (?:cask|formula|package)|installation candidate)|has no installation candidate|package[^\n]{0,60}(?:not found|does not exist|is not available|was not found)(?![^\n]*version)|unable to find package|unable to find a match:|not found in (?:any|the) (?:repositor|source|channel)|target not found|cannot find package|is not in the npm registry|cask '[^']+' is unavailable|no provider of '|unable to select packages|0x8A150014|no formulae or casks found/i,
    cause: 'The package sources do not have this package',
    advice: 'Check the name, refresh the package lists, or add the source that has the package',
  },
  {
    id: 'package_file',
    category,
    weight: 4.4,
    pattern:
      /package path specified was invalid|(?:package|installer|setup)(?: file)? [^\n]{0,120}\.(?:pkg|msi|msix|exe|deb|rpm|dmg)['"]? (?:could not be (?:found|opened)|was not found|does not exist|cannot be opened)|\b1619\b[^\n]*|this installation package could not be opened/i,
    cause: 'The package’s file is not there or cannot be opened',
    advice: 'Download the package anew, and check its hash',
  },
  {
    id: 'toolchain',
    category,
    weight: 4.4,
    pattern:
      /no acceptable C compiler|\b(?:gcc|g\+\+|cc|c\+\+|clang(?:\+\+)?|cl(?:\.exe)?|make|gmake|cmake|ninja|rustc|cargo|gfortran|ld|ar|msbuild)['"]?(?::| failed:)? (?:command )?(?:not found|no such file)|(?:command|spawn) '?(?:gcc|cc|c\+\+|g\+\+|make|clang|cmake)'?[^\n]{0,20}(?:failed: no such file|not found|ENOENT)|\bC(?:XX|\+\+)?[_ ]compiler[^\n]{0,40}(?:not found|could not be found|cannot (?:create|find)|is not able|missing|failed to (?:generate|create))|CMAKE_C(?:XX)?_COMPILER not set|the compiler failed to generate|need to install (?:a compiler|development tools|build tools)|(?:requires?|install|get|needs?)[^\n]{0,40}(?:build[- ]essential|build tools|development tools|a (?:C|C\+\+|Rust|Fortran) compiler|rust compiler|xcode command line)|Microsoft Visual C\+\+ 14\.\d(?: or greater)? is required|unable to find vcvarsall|xcrun: error: (?:invalid active developer path|unable to find utility)|xcode-select: (?:error|note)|no developer tools were found|could not find any Visual Studio installation|gyp ERR! find (?:VS|Python)|linker [`'"]?(?:cc|link\.exe)['"`]? not found|kernel headers[^\n]{0,60}(?:not (?:be )?found|could not be found|cannot be found|are not installed)/i,
    cause: 'The package is built on the device, and what builds it is missing',
    advice: 'Install a compiler and build tools, or deploy a package that is built already',
  },
  {
    id: 'quota',
    category,
    weight: 4,
    pattern:
      /disk quota exceeded|EDQUOT|quota (?:has been )?exceeded|exceed(?:s|ed) (?:the |its )?quota|not enough quota/i,
    cause: 'A disk quota is used up',
    advice: 'Free space within the quota or raise it',
  },
  {
    id: 'install_running',
    category,
    weight: 4,
    pattern:
      /another (?:program|installation|setup|install|instance|process)[\w ]* (?:is |being )?(?:already |currently )?(?:in progress|running|installed at|using)|\b1618\b|0x80070652|ERROR_INSTALL_ALREADY_RUNNING|could not get lock|unable to (?:acquire|lock)[^\n]*(?:dpkg|apt|lock|directory)|is (?:held|locked) by (?:another )?process|waiting for (?:cache )?lock|dpkg frontend (?:lock )?is locked|another copy is running|database is locked|(?:zypp|package management|rpm) is locked|existing lock|0x8A150102|can't create transaction lock|waiting for process with pid|unable to lock database|holding the yum lock|another app is currently holding/i,
    cause: 'Another installation is running or has left its lock',
    advice: 'Wait until the other installation ends, or end it, and repeat',
  },
  {
    id: 'interrupted',
    category,
    weight: 3.5,
    pattern:
      /dpkg was interrupted|run '?(?:sudo )?dpkg --configure -a|not fully installed or removed|package is in a very bad inconsistent state|unfinished transactions? remain|half-(?:installed|configured)|previous (?:installation|transaction) (?:was|is) (?:interrupted|not complete)|suspended installation|0x8A15010B|requires? (?:a )?(?:re)?(?:boot|start) (?:to|before)|pending (?:reboot|restart)|reboot is (?:required|pending)|restart(?:ed)? is (?:required|pending)|\b3010\b|\b1641\b|ERROR_SUCCESS_REBOOT|must (?:be )?(?:restart|reboot)|0x80070BC2|0x80070BC9|0x8A15010[9A]|needs? to (?:be )?(?:restart|reboot)/i,
    cause: 'An earlier installation was not completed or waits for a restart',
    advice: 'Complete the earlier installation or restart the machine, then repeat',
  },
  {
    id: 'missing_dependency',
    category,
    weight: 3.5,
    pattern:
      /unmet dependenc|dependency problems|depends(?: on)?:? [^\n]*(?:but|however)[:\s]|is not (?:going to be )?install(?:ed|able)|nothing provides|failed dependencies|is needed by|pre-?depend|missing dependenc|depend(?:s|ency|encies)[^\n]*(?:not (?:found|satisf|met|install)|missing|fail|could not be|cannot be|unresolv|conflict)|unable to (?:resolve|satisfy) (?:the )?dependenc|could not resolve dependenc|requires?:? [\w().:+-]+(?: [<>=]+ [\w.:~+-]+)?[^\n]*(?:not (?:found|installed|available)|none of the providers)|problem: (?:conflicting requests|package)|broken packages|conflicting (?:requests|dependencies)|have conflicting|conflicts with (?:file|package|the|installed)|breaks [\w-]+ \(|correct problems,? you have held|0x8A150104|0x8A150110|prerequisite[^\n]*(?:not|missing|fail)|unable to resolve dependency|ERESOLVE|no matching distribution found|ModuleNotFoundError|package has unmet|0x80073CF3|could not be resolved:? package|peer dep/i,
    cause: 'Packages that this one depends on are missing or in conflict',
    advice: 'Install the missing packages or let the package manager repair its dependencies',
  },
  {
    id: 'corrupt',
    category,
    weight: 3.5,
    pattern:
      /(?:hash|checksum|digest|sha-?(?:1|256|512)|md5|size)[^\n]{0,30}(?:mismatch|(?:does|do|did) not match|verification failed|incorrect|not match|differ|invalid|fail)|hash sum mismatch|mismatch[^\n]*(?:hash|checksum|digest|sha256)|(?:file|archive|package|cabinet|image|download|installer|data|payload)[^\n]{0,50}(?:is |was |are |be |seems )?(?:corrupt|damaged|truncated)|corrupt(?:ed)? (?:file|package|archive|installer|cab|data|msi)|unexpected (?:end of (?:file|archive|data|input)|EOF)|not a (?:debian format|valid (?:zip|rpm|archive|package|gzip|installer|msi))|invalid (?:package|archive|zip|cab|gzip|tar|header|magic)\b|lzma error|decompress|unable to (?:open|extract|unpack|read)[^\n]*(?:archive|package|cab|zip|tar)|installation package could not be opened|0x8007064[23BC]|\b16(?:19|20)\b|could not be opened|bad (?:zip|archive|cpio|magic)|cpio: |\bCRC\b[^\n]*(?:fail|error|mismatch)|0x8A150011|0x80091007|0x80096010|end-of-central-directory|not (?:in )?gzip format|(?:is not|isn't) a (?:valid|xar|debian)|zlib|premature end|source media[^\n]*damaged|0x80070570|0x800B0100|0x8009(?:2026|3102)|signature[^\n]*(?:did|does|could) not (?:be )?verif|digital signature[^\n]*(?:not|invalid)|package is (?:not|un)\s?signed|unsigned package|payload (?:of|has)/i,
    cause: 'The package is damaged or is not what was asked for',
    advice: 'Fetch the package again and compare its checksum with the publisher’s',
  },
  {
    id: 'fatal_installer',
    category,
    generic: true,
    weight: 2.2,
    pattern:
      /fatal error during installation|\b1603\b|0x80070643|installation (?:was |has )?(?:failed|ended prematurely|aborted|unsuccessful)|install(?:er|ation)[^\n]{0,40}(?:failed|ended|returned|exited)|setup (?:failed|wizard ended|was not)|failed to (?:install|upgrade|uninstall|unpack|configure|register|extract|copy|create (?:file|directory))|error installing|the upgrade failed|rolled? ?back|Return value 3|0x8A150006|unsuccessful at|install(?:ed)? failed/i,
    cause: 'The installer gave up',
    advice: 'Read the installer’s log for the first error, then repair and repeat the installation',
  },
  {
    id: 'custom_action',
    category,
    generic: true,
    weight: 3,
    pattern:
      /custom ?action[^\n]*(?:return(?:ed)?|fail|error|value)|\berror(?: code)? 17(?:0[0-9]|1[0-9]|2[0-3])\b|(?:pre|post)-?(?:install|inst|rm|in|un|upgrade|remove|removal|flight)(?:ation)? (?:script|hook|scriptlet|subprocess|maintainer)?[^\n]*(?:fail|error|return(?:ed)?|exit)|subprocess[^\n]*returned error exit status|%(?:pre|post)(?:in|un|trans)?\b[^\n]*(?:fail|exit)|scriptlet failed|maintainer script|running (?:the )?(?:pre|post)install|error executing (?:the )?(?:pre|post)|PKInstallErrorDomain Code=112|running scripts? from the package|scripts? (?:for|from|of) (?:the )?package|DLL required for this install/i,
    cause: 'A script of the package failed',
    advice:
      'Find what the package’s script tried to do in the log, repair it, and configure the package again',
  },
  {
    id: 'file_in_use',
    category,
    weight: 3,
    pattern:
      /being used by another process|in use by (?:another|the following)|text file busy|ETXTBSY|EBUSY|resource busy|file(?:s)? (?:is|are|in) (?:in )?use\b|sharing violation|0x80070020|0x8A15010[13]|\b(?:error )?1306\b|\berror 32\b|0x80073D02|locked a portion|application (?:is|must be) (?:running|closed)|close (?:the )?(?:application|program|all)|cannot (?:delete|replace|overwrite|rename)[^\n]*in use|could not be closed|files? that need to be updated|currently running/i,
    cause: 'Files of the package are in use',
    advice: 'Stop the program that uses the files, then repeat',
  },
  {
    id: 'file_conflict',
    category,
    weight: 3.2,
    pattern:
      /trying to overwrite|conflicts? (?:with|between)[^\n]*(?:file|attempt)|file [^\n]* (?:from install of|conflicts|exists in filesystem)|exists in filesystem|already (?:exists|installed|registered)|\b1638\b|0x80070666|newer version (?:of|is|already)|higher version|0x8A15010[DE]|0x80073D06|another version of this product|is already the newest|downgrade|same version|different version[^\n]*installed/i,
    cause: 'Another version or another package is in the way',
    advice: 'Remove what is in the way, or use the package’s own way to upgrade',
  },
  {
    id: 'service_start',
    category,
    weight: 1.6,
    pattern:
      /service [^\n]{0,60}(?:failed to (?:start|install|be installed)|could not be (?:installed|started|deleted)|did not (?:start|respond))|\b19(?:20|21|22|23)\b|Job for [^\n]* failed|\b1053\b|failed to (?:start|register|create|install)[^\n]*(?:service|unit|daemon|driver)|marked for deletion|\b1072\b|control process exited/i,
    cause: 'The package’s service does not start',
    advice: 'Read the service’s own log, repair what it names, and start it again',
  },
  {
    id: 'memory',
    category,
    weight: 3,
    pattern:
      /out of memory|cannot allocate memory|ENOMEM|OOM|killed process|not enough memory|0x8007000E|insufficient (?:system )?(?:memory|resources)|oom-kill|JavaScript heap|0x8A150106|std::bad_alloc/i,
    cause: 'The machine ran out of memory',
    advice: 'Free memory or add swap, then repeat',
  },
  {
    id: 'source_missing',
    category,
    weight: 2.8,
    pattern:
      /installation source[^\n]*(?:not available|missing|absent)|\b16(?:12|35|36|42|24)\b|0x8007064[4]|source (?:file|path|media|directory) (?:not found|is missing|absent|cannot be found)|(?:cannot|could not|unable to) (?:find|locate|stat|open)[^\n]*\.(?:msi|cab|pkg|deb|rpm|exe|msp|dmg|zip)|no such file or directory[^\n]*\.(?:deb|rpm|pkg|msi|sh)|\.(?:deb|rpm|pkg|msi|dmg)[^\n]*(?:no such file|not found|does not exist)|0x800F081F|0x80073712|source files could not be found|component store (?:has been )?corrupt|0x800F0922|missing (?:file|payload|cab)|network path[^\n]*msi|media[^\n]*(?:missing|not found)/i,
    cause: 'Files of the installation are missing',
    advice: 'Make the installation source available again, or fetch the package anew',
  },
  {
    id: 'cancelled',
    category,
    weight: 3,
    pattern:
      /\b1602\b|user cancel(?:l)?ed (?:the )?(?:install|setup)|cancel(?:l)?ed (?:by (?:the )?user|installation)|0x80070642|0x8A15010C|installation (?:was )?(?:cancel|interrupt|abort)/i,
    cause: 'The installation was cancelled',
    advice: 'Run the installation again without anybody at the screen, or at a better time',
  },
  {
    id: 'package_database',
    category,
    weight: 3.4,
    pattern:
      /rpmdb|rpm database|package database|dpkg(?:-query)?: (?:error|warning)[^\n]*(?:status|parsing|database)|status database|receipt|files list file for package|unable to access the dpkg status|DB_RUNRECOVERY|BDB\d+|\/var\/lib\/(?:dpkg\/(?:status|info|updates)|rpm)|installer database|Windows Installer service could not be accessed|\b1601\b|0x80070641|could not be registered|\b16(?:05|06|07|08|14|16)\b|product is (?:not|un)(?:installed|registered)|action is only valid for products|not a bom file/i,
    cause: 'The package manager’s own records are damaged',
    advice: 'Repair the records of the package manager, then repeat',
  },
  {
    id: 'timed_out',
    category,
    weight: 2.4,
    pattern:
      /(?:install(?:er|ation)?|setup|task|script|process|command|operation|execution|msiexec|dpkg|step)[^\n]{0,50}(?:timed out|time ?out (?:after|exceeded|reached)|exceeded (?:the )?(?:time|limit|timeout|maximum))|did not (?:finish|complete|exit|terminate) (?:with)?in|no response from installer|(?:hung|hang)\b|killed (?:after|because)[^\n]*(?:time|seconds)|exceeded[^\n]*(?:execution|run) time/i,
    cause: 'The installation took too long',
    advice: 'See in the log what it waited for; give it more time or remove what holds it',
  },
  {
    id: 'crashed',
    category,
    weight: 2,
    pattern:
      /segmentation fault|core dumped|access violation|0xC0000005|0xC0000409|SIGSEGV|SIGABRT|unhandled exception|stopped working|(?:has )?crashed|abnormal(?:ly)? (?:program )?termination|0xC0000374|Abort trap/i,
    cause: 'The installer crashed',
    advice: 'Repeat with another version of the package; keep the log for the publisher',
  },
  {
    id: 'io_error',
    category,
    weight: 3,
    pattern:
      /input\/output error|\bEIO\b|I\/O error|device error|bad sector|0x8007045D|0x8007001[EF]|read error|error reading from (?:file|source)|error writing to file|stale file handle|structure needs cleaning|bad superblock|wrong fs type|cyclic redundancy|0x80070017|device not configured|write error/i,
    cause: 'The disk reports errors',
    advice: 'Check the disk and its file system, then repeat',
    severity: 'high',
  },
  {
    id: 'package_manager',
    category,
    generic: true,
    weight: 1.2,
    pattern:
      /sub-process \/usr\/bin\/dpkg returned|error processing (?:package|archive)|errors were encountered while processing|transaction (?:check|test|failed)|the installer encountered an error|installation of package [^\n]*failed|the install failed|PKInstallErrorDomain|exit status [1-9]|returned (?:an )?error|exit(?:ed)? (?:with )?(?:code|status) [1-9]|exit code:? ?[1-9]|0x80073CF[0-9A-F]|hdiutil: attach failed|Linking[^\n]*fail|Command failed|brew link/i,
    cause: 'The package manager could not install the package',
    advice: 'Read the first error in its log, repair it, and repeat',
  },
  {
    id: 'target_changed',
    category,
    weight: 2,
    pattern:
      /detection (?:rule )?(?:failed|did not)|not detected after|still not (?:installed|present)|verification (?:after|of) install|installed files? (?:are |is )?missing|post-?install(?:ation)? (?:check|verification|validation) failed|0x87D00324|not found after (?:the )?install|name too long|ENAMETOOLONG|file ?name[^\n]*too long|too many (?:open files|levels|links)|EMFILE|directory not empty|ENOTEMPTY|inodes?/i,
    cause: 'What was installed is not there',
    advice: 'Compare the package’s contents with the detection rule, and install again',
  },
];
