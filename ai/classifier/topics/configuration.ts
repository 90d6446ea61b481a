import type { Topic } from '../topic.ts';

const category = 'CONFIGURATION_ERROR';

export const CONFIGURATION_TOPICS: readonly Topic[] = [
  {
    id: 'port_in_use',
    category,
    weight: 4,
    pattern:
      /address already in use|being used by another process[^\n]*(?:binding|:\d{2,5}\b)|EADDRINUSE|port[^\n]{0,40}(?:is |are )?(?:already |currently )?(?:in use|being used|occupied|taken|allocated|bound|used by|not available|unavailable)|\b10048\b|0x80072740|only one usage of each socket address|could not bind|bind\(\)[^\n]*failed(?! \(13)|failed to (?:bind|listen)|bind(?:ing)?(?: to)?[^\n]*(?:address|port)[^\n]*(?:fail|in use|error)|already listening|BindException|unable to (?:bind|listen)|cannot (?:bind|listen|assign requested)|listen tcp[^\n]*bind/i,
    cause: 'A port that the program wants is in use',
    advice: 'End the program that holds the port, or configure another one',
  },
  {
    id: 'parse',
    category,
    weight: 3.8,
    pattern:
      /\b(?:pars(?:e|ing)|syntax|yaml|json|xml|toml|ini|config(?:uration)?)\b[^\n]{0,40}(?:error|exception|fail|invalid|unexpected|malformed|bad)|(?:error|failed|unable|cannot|could not)[^\n]{0,24}(?:pars(?:e|ing)|reading config|(?:load|read|process)(?:ing)? (?:the )?config|decode|unmarshal|deserializ)|unexpected (?:token|character|element|key|indent|end of (?:json|stream))|malformed|mapping values are not allowed|did not find expected|(?:data|root element|name) at the root level|not well[- ]formed|invalid (?:json|yaml|xml|toml|ini|syntax|character|escape|token|section|line|plist)|property list|bad (?:config|unit|syntax|configuration|value|setting|format)|line \d+[^\n]*(?:type .* is not known|unknown|invalid|unexpected|bad)|unterminated|missing (?:closing|quote|bracket|'=')|json\.decoder|YAMLException|JSONDecodeError|XmlException|SAXParse|duplicate (?:key|entry|definition|declaration)|unrecognized configuration section|ConfigurationErrorsException|configuration (?:section|file|directory|is|test|check)[^\n]{0,40}(?:invalid|error|fail|bad|not (?:valid|found|recogni)|missing|cannot)|invalid(?: or missing)? config/i,
    cause: 'A configuration file cannot be read',
    advice: 'Correct the line that the message names',
  },
  {
    id: 'schema',
    category,
    weight: 4.6,
    pattern:
      /specifications of the schema|values\.schema\.json|error validating data|ValidationError\(|schema validation|additional ?properties?\b[^\n]{0,60}(?:not allowed|unexpected|is not)|(?:YAML parse error on|error converting YAML to JSON|execution error at \(|render error in|parse error at \()|unknown field ["']|invalid type\. expected|(?:must|should|has to) be (?:an? |of type |one of )?(?:integer|string|boolean|array|object|number|null|the following)|cannot unmarshal|is not valid under any of the given schemas|does not match (?:the )?(?:schema|pattern|any of)|is not one of \[|(?:fails|failed) (?:to match|schema)|missing required (?:property|field|key)|required (?:property|field|key) ['"`]|nil pointer evaluating|is not of type ['"]/i,
    cause: 'A value does not fit what the settings may hold',
    advice: 'Correct the value that the message names',
  },
  {
    id: 'option',
    category,
    weight: 3.5,
    pattern:
      /(?:unknown|unrecogni[sz]ed|invalid|illegal|unsupported|bad|unexpected|undefined|ambiguous|conflicting|mutually exclusive) (?:command[- ]line )?(?:option|argument|parameter|flag|switch|directive|setting|property|value|key|keyword|command|field|attribute|lvalue|variable|syntax|input|path|url|uri|token in|configuration|mode|format|operation|section|name|character)|invalid command line|\b1639\b|0x80070667|(?:option|argument|parameter|flag|switch|property|value|setting|variable|field|key|directive)[^\n]{0,50}(?:is |was |are |be )?(?:required|missing|not (?:set|recogni[sz]ed|valid|specified|defined|provided|known|allowed here|supported)|invalid|unknown|empty|unset|out of range|must be|has to be|cannot be (?:empty|null|blank))|(?:missing|required|no|without|unset|undefined) (?:a |the |required |mandatory |environment |config(?:uration)? |value for |argument |parameter )+(?:option|argument|parameter|value|setting|property|variable|field|key|config\w*|file|setting)|expected one argument|requires an argument|unable to parse (?:the )?(?:option|argument)|the parameter is incorrect|0x80070057|\b0x8A150113|is not a (?:valid|recogni[sz]ed) (?:value|option|setting|command|argument|parameter|port|url|path)|usage:|\b1628\b|0x8007065C|must specify|please (?:set|specify|configure|provide)|not configured|misconfigur|wrong (?:value|setting|parameter|path|option)|0x80070661?57|invalid value|invalid transform|no such option|\bunbound variable|environment variable[^\n]*(?:not|un|missing|empty|required)|undefined variable|parameter null or not set|has no default|key not found/i,
    cause: 'A setting or option is wrong or missing',
    advice: 'Correct the setting or the command line that the message names',
  },
  {
    id: 'repository',
    category,
    weight: 3.3,
    pattern:
      /malformed (?:entry|line|input)|does not have a release file|the list of sources could not be read|(?:repository|repo|source|feed|channel|tap|baseurl)[^\n]{0,60}(?:is not (?:signed|valid|configured|enabled|defined|found|registered|known)|not (?:found|configured|defined|enabled)|does not exist|misconfigured|invalid|is disabled|no longer has|is listed more than once|already (?:exists|added|configured|defined)|has no)|NO_PUBKEY|public key is not available|(?:GPG|gpg|pgp)[^\n]{0,40}(?:key|check|signature)[^\n]{0,40}(?:fail|error|not|missing|retriev|expired|couldn)|EXPKEYSIG|KEYEXPIRED|(?:public )?key[^\n]{0,30}not (?:installed|imported|trusted|available)|conflicting values set for option Signed-By|configured multiple times|(?:there are )?no enabled repositories|cannot find a valid baseurl for repo: ?(?:base)?\/|repository list|nothing to do|0x8A150017|no sources|(?:release file|signature)[^\n]*not (?:yet )?valid|changed its '(?:origin|suite|codename|label)|no repositories|subscription[^\n]*(?:not|expired|disabled)|not registered with an entitlement|E: Type|isn't available in the|invalid(?: or missing)? (?:repo|source)/i,
    cause: 'The package source is not set up rightly',
    advice: 'Correct the definition of the repository, import its key, and refresh',
  },
  {
    id: 'licence',
    category,
    weight: 3.6,
    pattern:
      /licen[sc]e (?:key|file|server|agreement|code|token)?[^\n]{0,40}(?:invalid|not (?:valid|found|accepted|activated|recogni)|expired|missing|required|incorrect|rejected|fail|must be accepted|exceeded|mismatch|error|unavailable|could not)|(?:invalid|wrong|missing|bad|no valid|incorrect|expired) (?:license|licence|product key|serial|activation)|product key|serial number[^\n]*(?:invalid|not|incorrect)|activation[^\n]*(?:fail|invalid|error|required|code)|0xC004F\w{3}|accept[- ]?(?:the )?(?:eula|licen[sc]e)|EULA|end[- ]user licen|seats?[^\n]*(?:exceed|limit|available)/i,
    cause: 'The licence or product key is not accepted',
    advice: 'Give the installer a valid licence, and accept its terms where it asks for that',
  },
  {
    id: 'missing_file',
    category,
    weight: 2.6,
    pattern:
      /(?:config(?:uration)?|settings|properties|\.(?:conf|cfg|ini|ya?ml|json|toml|xml|env|properties|config|plist|cnf|pem|crt|key|cer|pfx|service|list|repo|mst|xsd))\b[^\n]{0,60}(?:not found|no such file|does not exist|missing|cannot be (?:found|read|opened)|could not be (?:found|loaded|read|opened)|not (?:exist|readable|accessible))|(?:no such file|cannot (?:find|open|load|read)|could not (?:find|open|load|read|locate)|unable to (?:find|open|load|read|locate)|failed to (?:open|load|read|find|stat)|FileNotFound\w*|ENOENT|missing)[^\n]{0,80}(?:config|settings|\.(?:conf|cfg|ini|ya?ml|json|toml|xml|env|properties|plist|cnf|pem|crt|key|pfx|mst|repo)\b)|(?:directory|folder|path|working directory|install(?:ation)? (?:dir|path|folder|location)|log (?:dir|path))[^\n]{0,50}(?:does not exist|invalid|not found|is not (?:a directory|valid|absolute)|illegal)|\b16(?:22|06)\b|could not access network location|invalid drive|the system cannot find the (?:path|drive) specified|\b0x80070003\b|not a directory|ENOTDIR|path[^\n]*too long/i,
    cause: 'A file or folder that the settings name is not there',
    advice: 'Create the file or folder, or correct the setting that names it',
  },
  {
    id: 'account',
    category,
    weight: 3.2,
    pattern:
      /(?:invalid|unknown|no such|non-?existent) (?:user|group|account|principal)|(?:user|group|account|gid|uid)[^\n]{0,30}(?:does not exist|not found|unknown|is not (?:valid|known)|doesn['’]t exist)|chown: invalid|failed to determine (?:user|group)|No mapping between account names|\b1332\b|0x80070534|unknown (?:user|group|uid|gid)|domain (?:not|does|is not)[^\n]*|id: [^\n]*no such user|status=217|status=216|status=200\/CHDIR/i,
    cause: 'An account that the settings name does not exist',
    advice: 'Create the account, or correct the setting that names it',
  },
  {
    id: 'environment',
    category,
    weight: 3.2,
    pattern:
      /(?:[A-Z][A-Z0-9]*_[A-Z0-9_]+|JAVA_HOME|PATH|HOME|LANG)[^\n]{0,30}(?:is )?(?:not (?:set|defined|configured|found in)|undefined|unset|missing|empty|must be (?:set|defined)|is required|invalid|points? to|unbound)|(?:must|please|need to|should) (?:set|define|export) [^\n]*(?:variable|[A-Z_]{4,})|locale|LC_ALL|command not found|is not recogni[sz]ed as (?:an internal|the name)|not in (?:your |the )?PATH|KeyError: ['"][A-Z_]+|status=203\/EXEC|timezone|clock skew|system (?:clock|time)[^\n]*(?:wrong|incorrect|skew|not)/i,
    cause: 'The environment is not set up as the program expects',
    advice: 'Set the variable or the path that the message names',
  },
  {
    id: 'service_configuration',
    category,
    weight: 2.8,
    pattern:
      /\[emerg\]|configuration (?:file|error|problem|failed)|config(?:uration)? (?:test|check|validation) (?:failed|is not)|(?:validation|schema) (?:error|failed)|(?:does not|failed to) (?:match|validate)[^\n]*schema|unit [^\n]*(?:has a bad|not found|not loaded|is masked|is invalid|lacks)|bad unit file|is masked|start request repeated too quickly|invalid (?:certificate path|listen|server|host|endpoint|upstream|connection string|database url|hostname|url|cron|regex|registry|proxy|bind|address)|connection string|(?:database|schema) [^\n]*does not exist|no suitable driver|dependency cycle|ordering cycle|circular|could not load (?:host )?key|missing privilege separation|Assignment outside of section|Invalid section header|Unknown (?:lvalue|key name|section|key)|ExecStart|neither a valid executable|fatal: (?:bad|config)|Bootstrap failed: 5|Load failed: 5|service (?:is|cannot be)[^\n]*disabled|\b1058\b|0x80070422|group policy[^\n]*(?:malformed|invalid)|registry (?:value|key|setting)[^\n]*(?:missing|invalid|not found|incorrect|wrong)/i,
    cause: 'The service’s configuration is wrong',
    advice: 'Check the service’s configuration with its own test, and correct what that names',
  },
];
