import type { Topic } from '../topic.ts';

const category = 'NETWORK_ISSUE';

export const NETWORK_TOPICS: readonly Topic[] = [
  {
    id: 'dns',
    category,
    weight: 4,
    pattern:
      /could not resolve|couldn['’]?t resolve|temporary failure (?:in name resolution|resolving)|name or service not known|getaddrinfo|ENOTFOUND|EAI_AGAIN|(?:host|server|remote|dns)? ?name (?:could not|cannot|can['’]?t|was not|not) be? ?resolved?|no such host|unknown host|UnknownHostException|nodename nor servname|NXDOMAIN|SERVFAIL|0x80072EE7|\b12007\b|\b11001\b|0x80072AF9|server with the specified hostname could not be found|NSURLErrorDomain Code=-1003|unable to resolve (?:host|the|server|name|address|domain)|failed to resolve (?:host|name|address|domain|server|['"]?[\w-]+\.)|DNS (?:lookup|resolution|server|query|name|failure|error|request)|ERR_NAME_NOT_RESOLVED|hostname[^\n]*(?:not found|resolve)|resolve host|curl: \(6\)/i,
    cause: 'A name cannot be resolved by DNS',
    advice: 'Check the machine’s DNS servers and the name of the repository',
  },
  {
    id: 'tls',
    category,
    weight: 3.8,
    pattern:
      /certificate (?:verify|verification|validation|has expired|is not (?:yet )?(?:valid|trusted)|problem|chain|error|revoked|unknown|signed by|authority|common name)|(?:SSL|TLS)[^\n]{0,50}(?:error|fail|handshake|problem|certificate|alert|routines|could not|unable|timed|protocol|connection)|self[- ]signed certificate|unable to get (?:local )?issuer|x509|SEC_E_|CERT_|UNABLE_TO_(?:VERIFY|GET)|DEPTH_ZERO|PKIX path|SSLHandshake|SSLError|0x80072F8F|0x80072F(?:0[0-9A-F]|7D|7C|76)|0x800B010[9AC]|0x80096004|0x80092013|handshake (?:fail|error|time)|secure (?:channel|connection)|peer'?s? certificate|server certificate|NSURLErrorDomain Code=-12\d\d|underlying connection was closed|trust relationship|curl: \((?:35|51|60|77|83)\)|root certificate|untrusted root|issuer is not recognized|gnutls|wrong version number|revocation (?:server|function|check)|unable to (?:establish|locally verify)|cannot verify[^\n]*certificate|certificate of [^\n]*(?:not trusted|expired|revoked)/i,
    cause: 'The connection cannot be secured: a certificate is not trusted, or TLS fails',
    advice: 'Check the clock, the trusted roots and any proxy that breaks TLS open',
  },
  {
    id: 'proxy',
    category,
    weight: 3.8,
    pattern:
      /\b407\b|proxy (?:authentication|auth|server|error|tunnel|connect|refused|requires|denied|returned|is)|(?:from|through|via|by|to|the|http|https|web) proxy|proxyconnect|received http code 4\d\d from proxy|tunnel (?:connection )?failed|ERR_PROXY|ERR_TUNNEL|ProxyError|unable to (?:connect to|tunnel through) (?:the )?proxy|0x80072F(?:EF|78)|blocked by (?:the )?(?:web|content|url) ?filter|captive portal|zscaler|bluecoat|squid/i,
    cause: 'A proxy refuses or breaks the connection',
    advice: 'Check the proxy’s address and credentials, and whether the repository is allowed',
  },
  {
    id: 'timeout',
    category,
    weight: 3.5,
    pattern:
      /connection timed? ?out|connect(?:ion|ing)? (?:attempt )?(?:to [^\n]*)?(?:has )?time(?:d)? ?out|ETIMEDOUT|ESOCKETTIMEDOUT|timed out (?:after|while|waiting|connecting|reading|downloading|trying|fetching)[^\n]*(?:connect|http|download|respon|host|server|read|bytes|milliseconds|socket|url|data|ms\b)|(?:read|request|network|socket|download|gateway|i\/o|operation|response|http|transfer|receive|dial tcp[^\n]*) ?time(?:d|-)? ?out|operation timed out|0x80072EE2|\b12002\b|0x800705B4|\b10060\b|NSURLErrorDomain Code=-1001|the request timed out|deadline exceeded|no data (?:was )?received|curl: \(28\)|operation too slow|too slow|TimeoutException|timeout (?:was reached|of \d+ ?ms exceeded|on|awaiting)|semaphore timeout|0x80072EFE|0x80240438|TLS handshake timeout|minimum rate/i,
    cause: 'The other side does not answer in time',
    advice: 'Check that the repository can be reached from this machine, then repeat',
  },
  {
    id: 'connection',
    category,
    weight: 3.5,
    pattern:
      /cannot be reached|connection (?:was |has been )?(?:refused|reset|aborted|closed|lost|failed|broken|dropped|interrupted|terminated|error|could not)|ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|EHOSTUNREACH|ENETUNREACH|ENETDOWN|network is (?:unreachable|down)|no route to host|host is (?:unreachable|down)|unreachable|(?:could not|cannot|can['’]?t|couldn['’]?t|unable to|failed to|failure to|not able to) (?:connect|reach|contact|establish|communicate)|failed to connect|connect(?:ion)? (?:failed|error)|not connected to the internet|no internet|internet connection|network (?:error|problem|failure|connection|path|name|location|issue|adapter|is not available)|0x80072EF[0-9A-F]|0x80072F(?:30|05)|\b1203[01]\b|\b12029\b|\b1005[134]\b|0x8007003[35]|0x80070043|NSURLErrorDomain|peer reset|broken pipe|socket (?:error|hang up|closed)|remote (?:end|host|server) closed|0x8A15010?7|curl: \((?:7|16|18|52|55|56|92)\)|offline|transfer closed|0x80244\w{3}|0x8024402[0-9A-F]|0x80240(?:44|438)|0x8019[0-9A-F]{4}|0xC80003F3|connection pool|server (?:is )?(?:unavailable|not responding|busy|unreachable)|service unavailable|RPC server is unavailable|0x800706BA|firewall (?:is )?(?:block|drop|reject|prevent)|vpn|WinHttp|packet loss|network name cannot be found|0x80070040/i,
    cause: 'The repository or server cannot be reached',
    advice: 'Check route, firewall and the state of the server, then repeat',
  },
  {
    id: 'http_status',
    category,
    weight: 3.2,
    pattern:
      /\b404\b[^\n]*not found|(?:HTTP|status|code|error|returned|response|got|server)[^\n]{0,24}\b(?:404|408|410|429|5\d\d)\b|\b(?:50[0-9]|52\d|429|408) (?:internal|bad gateway|service|gateway|server|too many|request timeout|error)|bad gateway|gateway time-?out|too many requests|rate limit|internal server error|E404|not found[^\n]*\[IP|the requested url returned error|404 {1,2}Not Found|(?:response|status) code:? ?(?:4(?:04|08|10|29)|5\d\d)|curl: \(22\)|NoSuchKey|HTTP ?(?:error|request) ?(?:404|5\d\d)/i,
    cause: 'The server answers that it does not have the file, or fails',
    advice: 'Refresh the package lists or correct the address; if the server fails, repeat later',
  },
  {
    id: 'download',
    category,
    weight: 2.4,
    pattern:
      /failed to (?:download|fetch|retrieve|synchroni[sz]e|sync)|(?:download|fetch)(?:ing)?[^\n]{0,50}(?:fail|error|interrupt|incomplete|aborted|stopped)|(?:unable|could not|couldn['’]?t|cannot) (?:to )?(?:download|fetch|retrieve)|some index files failed|all mirrors were (?:already )?tried|no more mirrors|cannot (?:prepare internal mirrorlist|find a valid baseurl)|cannot retrieve (?:repository )?metadata|errors? during downloading|curl error|mirror(?:list)?\b[^\n]*(?:fail|error|unavail|unreach)|repository[^\n]*(?:unreachable|unavailable|not reachable|timed)|0x8A150008|BITS|error downloading|download of [^\n]*failed|connection to the (?:repository|source|server|feed)|unable to load the service index|the remote name|remote server returned|could not (?:load|access)[^\n]*https?:\/\/|cannot access[^\n]*https?:\/\//i,
    cause: 'The package cannot be downloaded',
    advice: 'Check that the repository can be reached, then repeat',
  },
];
