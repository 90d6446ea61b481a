import type { Topic } from '../topic.ts';

const category = 'COMPATIBILITY_ISSUE';

export const COMPATIBILITY_TOPICS: readonly Topic[] = [
  {
    id: 'architecture',
    category,
    weight: 4,
    pattern:
      /architecture[^\n]*(?:does not match|mismatch|not (?:supported|compatible)|unsupported|different|wrong|incompatible)|(?:wrong|unsupported|incompatible|intended for a different|different|mismatched|foreign) (?:CPU |processor |cpu )?architecture|exec format error|ENOEXEC|cannot execute(?: binary file|: required file)|bad cpu type|\b1633\b|0x80070661|not (?:a )?valid win32|0x800700C1|0x800700D8|%?1 is not a valid|machine type mismatch|processor type|(?:arm64|aarch64|x86_64|amd64|i[36]86|x64|x86|ppc64le|armhf)[^\n]{0,60}(?:does not match|not (?:supported|compatible|match)|(?:is )?(?:un|in)(?:supported|compatible)|mismatch|only|instead of)|\b(?:requires?|needs?|built for|only (?:supports?|runs? on|for)|designed for)\b[^\n]{0,30}(?:64-bit|x64|arm64|aarch64|x86_64|amd64|Apple Silicon|Intel|rosetta)|0xC000007B|not supported by this processor type|wrong ELF class|ELFCLASS|incompatible architecture|mach-o[^\n]*(?:wrong|but)|rosetta|(?:64|32)-bit (?:version|system|edition|operating|windows)|has (?:no|an) (?:slice|architecture)|package architecture|0x80073CF(?:3|0)\b[^\n]*architecture|noarch|no binary (?:available )?for|wheel[^\n]*not supported on this platform|platform [^\n]*(?:is )?(?:not supported|unsupported|incompatible)|EBADPLATFORM|no applicable installer|0x8A150010|image (?:was|has|type)[^\n]*(?:machine type|i386|arm)/i,
    cause: 'The package is made for another kind of processor',
    advice: 'Deploy the package for this machine’s processor',
  },
  {
    id: 'os_version',
    category,
    weight: 3.8,
    pattern:
      /(?:requires?|needs?) a (?:newer|later|different|more recent) version of (?:windows|mac ?os|linux|the operating system)|\b1150\b[^\n]*windows|(?:requires?|needs?|supports?|supported (?:on|only)|for|minimum(?: supported)?|or (?:later|newer|higher)|at least|compatible with|works? (?:only )?(?:on|with)|runs? on)[^\n]{0,60}(?:mac ?os|os x|windows (?:1[01]|7|8|server|nt|vista|xp)|windows version|ubuntu|debian|rhel|red hat|centos|fedora|suse|sles|catalina|big sur|monterey|ventura|sonoma|sequoia|operating system|kernel|build \d{5}|version 1[0-9]\.)|(?:operating system|os|windows|macos|distribution|distro|kernel|platform|release)[^\n]{0,40}(?:not (?:supported|compatible)|(?:is )?(?:un|in)(?:supported|compatible)|too old|is older|version (?:is )?(?:lower|less|below|mismatch)|end of (?:life|support)|does not (?:meet|support|satisfy))|(?:unsupported|incompatible|unknown) (?:operating system|os|windows|macos|distribution|platform|kernel|release|linux)|not (?:supported|compatible|applicable)[^\n]{0,40}(?:operating system|your (?:computer|system|pc|mac|os)|(?:on )?this type of mac|this (?:version of|computer|os|platform|mac|system|operating|device|release|machine)|with (?:the|this) version)|cannot be installed on this (?:computer|disk|version|mac)|can['’]?t be installed on this|this (?:version of )?(?:app|application|product|software|package|program)[^\n]{0,40}(?:requires|is not (?:supported|compatible)|does not (?:support|run))|0x8A150111|0x80240017|0x8007047E|0x80073CFD|0x80073D10|is not applicable (?:to|for)|update is not applicable|LSMinimumSystemVersion|minimum (?:os|system) (?:version|requirement)|VolumeCheck|InstallationCheck|launch condition|system requirements? (?:not|are not|were not)|does not meet the (?:minimum|system|hardware|requirement)|kernel (?:version )?\d[\d.]*[^\n]*(?:too old|required|or (?:newer|later)|not supported)|FATAL: kernel too old|\b0x8007065[5]|old(?:er)? version of (?:windows|macos|os)|\b0x80070032\b|feature (?:is )?not (?:available|supported) (?:on|in) (?:this|your)/i,
    cause: 'The package needs another version of the operating system',
    advice: 'Deploy a version of the package that supports this system, or upgrade the system',
  },
  {
    id: 'libc',
    category,
    weight: 4,
    pattern:
      /GLIBC(?:XX)?_[\d.]+|version [`'‘]?(?:GLIBC|GLIBCXX|CXXABI|OPENSSL|LIBC)[^\n]*not found|\bCXXABI_|OPENSSL_\d[^\n]*not found|(?:needs?|requires?|depends)[^\n]{0,40}(?:glibc|libc6|libstdc\+\+6?|musl)[^\n]{0,20}(?:>=|\d)|glibc (?:version )?(?:\d|too|is|or)|libc\.so\.6[^\n]*(?:not found|GLIBC|version)|ld-linux[^\n]*no such file|musl|rpmlib\([^\n]* is needed|unknown compression|uses unknown compression|symbol lookup error|undefined symbol|Symbol not found|relocation error|unresolved symbol|disagrees about version of symbol|invalid module format|dyld[^\n]*(?:symbol|library) not|procedure entry point|entry point not found|0xC0000139/i,
    cause: 'The program was built against newer libraries than the system has',
    advice: 'Deploy a build for this release of the system',
  },
  {
    id: 'runtime',
    category,
    weight: 3.6,
    pattern:
      /(?:\.NET|dotnet|net ?core|net framework|java|jre|jdk|python|node(?:\.js)?|ruby|php|perl|vc\+\+|visual c\+\+|vcredist|runtime|webview2|powershell|openssl|go|rust)[^\n]{0,60}(?:(?:version )?\d[\d.]*\+? (?:or (?:later|newer|higher|above)|(?:is )?required)|not (?:found|installed|supported|compatible)[^\n]{0,30}(?:version|\d)|(?:is )?required|too old|unsupported|incompatible|requires?|or (?:later|newer|higher))|(?:requires?|needs?|need|must install)[^\n]{0,50}(?:\.NET|dotnet|net framework|java|jre|jdk|python|node(?:\.js)?|visual c\+\+|vc\+\+|vcredist|webview2|directx|openssl|php|ruby|perl|powershell) ?(?:runtime|version|framework|core|SE)?[^\n]{0,12}(?:[<>=v]*\d|runtime|redistributable|framework|version)|UnsupportedClassVersion|class file version|unsupported (?:engine|class|major|java|python|node)|EBADENGINE|requires-python|requires a different python|Requires-Python|engine "?node"?|(?:VCRUNTIME|MSVC[PR]|api-ms-win|ucrtbase|mfc|d3d|xinput)[\w-]*\.dll|0xC0000135|0x800F0950|you must install (?:or update )?\.NET|framework[^\n]*was not found|hostfxr|libhostfxr|side-by-side configuration|0x800736B1|lib(?:ssl|crypto|icu\w*|python\d?|ffi|stdc\+\+|tinfo|ncurses\w*|readline|jpeg|webkit\w*|gtk\S*|appindicator\w*|curl|pcre\w*|nsl|crypt|boost\S*|fuse)[\w+.-]*\.so(?:\.[\d.]+)?:? (?:cannot open shared object|=> not found)|(?:no|find a) java runtime|JAVA_HOME is set to an? (?:older|unsupported)|(?:unable to|could not) (?:find|locate)[^\n]*(?:\.NET|java (?:runtime|virtual)|jvm)|requires? at least version|has been compiled by a more recent version/i,
    cause: 'A runtime is missing or has the wrong version',
    advice: 'Install the version of the runtime that the package names',
  },
  {
    id: 'shared_library',
    category,
    weight: 2.2,
    pattern:
      /error while loading shared libraries|cannot open shared object file|library not loaded|image not found|\.dll (?:was |is )?(?:not found|missing)|(?:code execution cannot proceed|can['’]?t start) because[^\n]*\.dll|unable to load (?:dll|shared library)|DllNotFoundException|specified module could not be found|0x8007007E/i,
    cause: 'A library that the program needs is missing',
    advice: 'Install the package that holds the library, in the version that the program wants',
  },
  {
    id: 'hardware',
    category,
    weight: 3.6,
    pattern:
      /illegal instruction|SIGILL|0xC000001D|(?:AVX2?|SSE\d?(?:[._]\d)?|x86-64-v\d|NEON|AES-NI|VT-x|AMD-V|SVM|FMA|second level address translation|SLAT|EPT|hypervisor|virtuali[sz]ation(?: (?:extensions?|technology|support))?|TPM(?: ?2\.0)?|secure boot|SSE)[^\n]{0,60}(?:(?:not|n['’]t) (?:be )?(?:supported|available|present|enabled|found|detected)|disabled|unavailable|required|missing|unsupported|is needed)|(?:CPU|processor|chip(?:set)?|GPU|graphics (?:card|adapter)) (?:does not|doesn['’]?t|lacks?|without|not|is (?:not|too old))|(?:requires?|needs?) (?:a |an )?(?:CPU|processor|GPU|graphics|TPM|\d+ ?GB of (?:ram|memory))|hardware (?:is )?not supported|unsupported (?:hardware|gpu|cpu|processor|device|graphics)|driver[^\n]{0,40}(?:not (?:compatible|supported)|incompatible|does not support)|no compatible (?:hardware|device|gpu)|not capable|opengl \d|DirectX (?:version|1[12])/i,
    cause: 'The hardware lacks what the program needs',
    advice: 'Use a version of the program that runs on this hardware',
  },
  {
    id: 'version_mismatch',
    category,
    weight: 2.6,
    pattern:
      /(?:incompatible|unsupported|mismatched|wrong) (?:version|release|api|abi|format|plugin|database|schema|protocol)|version (?:mismatch|conflict|is (?:too old|not supported|unsupported|incompatible))|(?:not |in)compatible with (?:the |this |your |installed |current |version)|compatibility (?:check|mode|issue|problem|block)|no longer support|has been deprecated|(?:does|do) not support (?:this|the|version|upgrad|running)|(?:supports|requires) (?:only )?version|api version|ABI version|schema version|upgrade from (?:version )?[\d.]+[^\n]*not supported|32-bit|safeguard hold|blocked (?:because|due)[^\n]*compatib|unsupported/i,
    cause: 'Versions do not go together',
    advice: 'Deploy a version that goes with what is installed',
  },
];
