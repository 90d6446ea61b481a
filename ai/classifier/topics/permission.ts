import type { Topic } from '../topic.ts';

const category = 'PERMISSION_ISSUE';

export const PERMISSION_TOPICS: readonly Topic[] = [
  {
    id: 'access_denied',
    category,
    weight: 3.6,
    pattern:
      /permission denied|does(?:n['’]t| not) have[^\n]{0,40}\brights?\b|access (?:is |was |has been )?denied|access to the (?:path|file|registry|directory|folder|key|resource)[^\n]*denied|\bEACCES\b|\bEPERM\b|operation (?:is )?not permitted|0x80070005|E_ACCESSDENIED|ERROR_ACCESS_DENIED|\b(?:system )?error:? 5\b|UnauthorizedAccess|(?:insufficient|inadequate|not (?:have )?(?:enough|sufficient)|lacks?(?: the)?|missing|without|no) (?:access |user |administrative |the necessary |the required |required |file )?(?:privileg|permission|right|access)|not (?:allowed|authori[sz]ed|permitted|privileged)|do(?:es)? not have (?:the )?(?:\w+ ){0,3}(?:permission|privilege|right|access|authority)|don['’]?t have (?:\w+ ){0,3}(?:permission|privilege|right|access)|errno ?=? ?(?:1|13)\b|os error 13|Errno 13|error code:? 13\b|verify that you have (?:sufficient )?(?:access|privileges|permission|write)|could not (?:write|open|create)[^\n]*\(13|13: permission|you must have|0x80004005[^\n]*denied|cannot (?:write|open|create)[^\n]*(?:permission|denied)|not writ(?:e)?able|unable to write to|no write (?:access|permission)|\b1(?:310|321|335|303|304|402|401|404|406|925)\b[^\n]*(?:privile|access|permission|right|denied|sufficient)|privilege (?:is )?not held|\b1314\b|0x80070522|0x8007054[BD]|ownership|NSCocoaErrorDomain Code=513|NSPOSIXErrorDomain Code=1\b|can['’]?t (?:be )?(?:saved|written)[^\n]*permission/i,
    cause: 'The installer may not do what it must',
    advice: 'Run it with the rights it needs, or correct owner and rights of what it names',
  },
  {
    id: 'not_elevated',
    category,
    weight: 4,
    pattern:
      /(?:must|should|needs? to|has to|have to|please) (?:be )?(?:run|ran|executed|started|root|use sudo|re-?run)[^\n]{0,30}(?:as )?(?:root|administrator|admin\b|sudo|super ?user|elevated)|(?:are you|must be|not|need to be|unless you are|if you are|only|be) root\b|superuser (?:privilege|access|right)|run (?:this|it|the|as|with)?[^\n]{0,20}(?:as (?:root|an? ?administrator)|with sudo|elevated)|requires? (?:root|admin\w*|elevat\w*|superuser|sudo|privilege)|elevation (?:is )?required|requires elevation|\b740\b|0x800702E4|ERROR_ELEVATION_REQUIRED|\b1925\b|administrat(?:or|ive) (?:privilege|right|permission|access|credential)|as (?:an )?administrator|not in the sudoers|sudo: (?:a (?:password|terminal)|no tty|sorry|\S+ is not)|a password is required|no tty present|incorrect password attempt|polkit|pkexec|not authorized to perform|interactive authentication required|authentication is required|UAC|user account control|0x800704C7|\b1223\b|was cancel(?:l)?ed by the user[^\n]*elevat|non-?admin|standard user|logged (?:in|on) as (?:an )?admin|0x8A150019|requested operation requires|requires (?:the )?user to be|root (?:privilege|access|permission|right|user)|euid|no such privilege/i,
    cause: 'The installer needs an administrator’s rights',
    advice: 'Run it as administrator or root',
  },
  {
    id: 'policy',
    category,
    weight: 3.8,
    pattern:
      /\b16(?:25|40|43|44|45)\b|0x80070659|0x8007066B|(?:forbidden|blocked|prohibited|prevented|disabled|disallowed|denied|restricted|prevents?|not allowed) by (?:(?:your|the|an?|system|group|security|company|local|it|software|application|execution|organi[sz]ation['’]?s?|corporate|device) ){0,4}(?:administrator|policy|policies|organization|admin|gatekeeper|antivirus|security|endpoint|defender|mdm|profile)|group policy|AppLocker|software restriction|application control|WDAC|device guard|smart ?app ?control|smartscreen|0x800711C7|0x800704EC|\b1260\b|policy (?:prohibits|prevents|forbids|does not allow|restriction|violation|setting)|system policy|0x8A15010F|0x8A15003A|execution policy|running scripts is disabled|PSSecurityException|UnauthorizedAccess|0x80073CF[F]|sideload|developer mode|ConfigMgr[^\n]*policy|MDM (?:profile|policy|restrict)|restricted by|0x80073D01|hardened by/i,
    cause: 'A policy forbids it',
    advice: 'Allow the package in the policy, or deploy it in the way that the policy allows',
  },
  {
    id: 'security_software',
    category,
    weight: 3.6,
    pattern:
      /(?:contains|detected|found|identified)[^\n]{0,30}(?:virus|malware|threat|trojan|potentially unwanted|PUA)|0x800700E1|0x800700E2|\b225\b|quarantin|blocked by[^\n]{0,30}(?:antivirus|anti-virus|defender|crowdstrike|sentinel|sophos|mcafee|symantec|eset|kaspersky|carbon black|endpoint|edr)|antivirus|real-?time protection|controlled folder access|tamper protection|threat (?:was )?(?:blocked|removed|detected)|Windows Defender|on-access scan/i,
    cause: 'Protection software stops the installer',
    advice: 'Have the package checked and allowed by those who run the protection software',
  },
  {
    id: 'mandatory_access',
    category,
    weight: 4,
    pattern:
      /SELinux|avc: +denied|apparmor[^\n]*DENIED|apparmor="DENIED"|seccomp|audit\[[^\n]*denied|scontext|tcontext|SIP\b|system integrity protection|rootless|\bTCC\b|kTCC|full disk access|gatekeeper|spctl|developer cannot be verified|unidentified developer|(?:can['’]?t|cannot) be opened because (?![^\n]*(?:not supported|requires|version))|notari[sz]|not signed by|quarantine attribute|com\.apple\.quarantine|Privacy (?:&|and) Security|PPPC|system extension[^\n]*(?:block|approv|not allowed)|kext[^\n]*(?:not (?:allowed|permitted|approved)|approval)|user approval|sandbox[^\n]*(?:deny|denied|violation)|deny\(1\)|capabilit(?:y|ies)[^\n]*(?:denied|drop|missing)|CAP_\w+|no new privileges|deny file-|is damaged and can['’]?t be opened|lockdown/i,
    cause: 'The system’s own protection stops the program',
    advice: 'Give the program the approval or label that the system asks for',
  },
  {
    id: 'protected_place',
    category,
    weight: 3.6,
    pattern:
      /write[- ]protected|media is write|0x80070013|read-?only (?:device|file(?! ?system)|directory)|immutable|is read-?only|noexec|nosuid|ostree|transactional-update/i,
    cause: 'The place is protected against writing',
    advice: 'Take the protection away where that is meant to be, or install into another place',
  },
  {
    id: 'credentials',
    category,
    weight: 2.8,
    pattern:
      /\b401\b|\b403\b|unauthori[sz]ed|forbidden|authentication (?:failed|failure|error|required)|auth(?:entication|orization)? (?:was )?(?:fail|reject|denied|error)|access denied for user|login failed|logon failure|invalid (?:credentials|username or password)|publickey|bad credentials|wrong (?:user ?name|password)|credentials (?:are|were|is) (?:invalid|rejected|incorrect|not)|password authentication failed|AccessDenied|token (?:is |has )?(?:expired|invalid|revoked)|\b1326\b|0x8007052E|account (?:is )?(?:locked|disabled|expired)|no pg_hba|not authorized|keychain[^\n]*(?:denied|interaction)|SignatureDoesNotMatch|\b1069\b|0x8007042D|not a member of/i,
    cause: 'Credentials are refused',
    advice: 'Give the installer valid credentials and rights at the server',
  },
];
