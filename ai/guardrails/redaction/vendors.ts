import { type Detector, spansOf } from './spans.ts';

/**
 * Keys and tokens that show by their form whose they are. A form is listed only when nothing else looks like it:
 * a false alarm takes away what explains a failure.
 */
const FORMS: readonly (readonly [kind: string, form: RegExp])[] = [
  ['AWS_KEY', /\b(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{16}\b/dg],
  ['AWS_KEY', /\b(?:ABSKQmVkcm9ja0FQSUtleS|bedrock-api-key-)[A-Za-z0-9+/=]{20,}/dg],
  ['GITHUB_TOKEN', /\bgh[opsur]_[A-Za-z0-9]{20,255}\b/dg],
  ['GITHUB_TOKEN', /\bgithub_pat_[A-Za-z0-9_]{20,255}\b/dg],
  ['GITLAB_TOKEN', /\bgl(?:pat|ptt|dt|rt|rtr|cbt|ft|soat|agent|imt|oas|ffct)-[A-Za-z0-9_.-]{16,}/dg],
  ['GITLAB_TOKEN', /\bGR1348941[A-Za-z0-9_-]{20}\b/dg],
  ['SLACK_TOKEN', /\bx(?:ox[abcdeoprs]|app|oxe\.xox[bp])-[A-Za-z0-9-]{10,}/dg],
  [
    'WEBHOOK',
    /\bhttps:\/\/hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/(?<secret>[A-Za-z0-9+/]{20,})/dg,
  ],
  [
    'WEBHOOK',
    /\bhttps:\/\/(?:\w+\.)?discord(?:app)?\.com\/api\/(?:v\d+\/)?webhooks\/(?<secret>\d+\/[\w-]{30,})/dg,
  ],
  ['WEBHOOK', /\bhttps:\/\/[\w-]+\.webhook\.office\.com\/webhookb2\/(?<secret>[\w@/-]{30,})/dg],
  ['GOOGLE_KEY', /\bAIza[A-Za-z0-9_-]{35}/dg],
  ['GOOGLE_TOKEN', /\bya29\.[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]+)*/dg],
  ['GOOGLE_TOKEN', /\bGOCSPX-[A-Za-z0-9_-]{20,}/dg],
  ['GOOGLE_TOKEN', /(?<![\w/])1\/\/0[A-Za-z0-9_-]{30,}/dg],
  ['STRIPE_KEY', /\b(?:[srp]k_(?:live|test)|rk_live|whsec)_[A-Za-z0-9]{10,}\b/dg],
  ['NPM_TOKEN', /\bnpm_[A-Za-z0-9]{30,}\b/dg],
  ['PYPI_TOKEN', /\bpypi-[A-Za-z0-9_-]{30,}/dg],
  ['RUBYGEMS_KEY', /\brubygems_[a-f0-9]{40,}\b/dg],
  ['CARGO_TOKEN', /\bcio[A-Za-z0-9]{32}\b/dg],
  ['NUGET_KEY', /\boy2[a-z0-9]{43}\b/dg],
  ['ANTHROPIC_KEY', /\bsk-ant-[A-Za-z0-9_-]{16,}/dg],
  [
    'OPENAI_KEY',
    /\bsk-(?!ant-)(?:(?:proj|svcacct|admin|None|or-v1)-)?(?=[A-Za-z_-]{0,160}\d)[A-Za-z0-9_-]{20,}/dg,
  ],
  ['AI_KEY', /\b(?:hf_[A-Za-z]{30,}|api_org_[A-Za-z]{34}|r8_[A-Za-z0-9]{37}|gsk_[A-Za-z0-9]{40,})\b/dg],
  ['AI_KEY', /\b(?:pplx-[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,}|lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10})\b/dg],
  ['SENDGRID_KEY', /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/dg],
  ['TWILIO_KEY', /\b(?:SK|AC)[0-9a-f]{32}\b/dg],
  ['TELEGRAM_TOKEN', /(?<![\w:])\d{8,10}:AA[A-Za-z0-9_-]{32,33}(?![\w-])/dg],
  ['MAILGUN_KEY', /\b(?:key-[0-9a-z]{32}|pubkey-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})\b/dg],
  ['MAILCHIMP_KEY', /\b[0-9a-f]{32}-us\d{1,2}\b/dg],
  ['BREVO_KEY', /\bx(?:key|smtp)sib-[a-f0-9]{32,}-[A-Za-z0-9]{16}\b/dg],
  ['DISCORD_TOKEN', /(?<![\w.-])[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,}(?![\w-])/dg],
  ['DATABRICKS_TOKEN', /\bdapi[a-f0-9]{32}(?:-\d)?\b/dg],
  ['VAULT_TOKEN', /\bhv[sbr]\.[A-Za-z0-9_-]{20,}/dg],
  ['VAULT_TOKEN', /(?<![\w.])s\.[A-Za-z0-9]{24}(?![\w.])/dg],
  ['TERRAFORM_TOKEN', /\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{40,}/dg],
  ['DIGITALOCEAN_TOKEN', /\bdo[opr]_v1_[a-f0-9]{40,}\b/dg],
  ['DOCKER_TOKEN', /\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}/dg],
  ['HEROKU_KEY', /\bHRKU-[A-Za-z0-9_-]{30,}/dg],
  ['ATLASSIAN_TOKEN', /\bATATT3[A-Za-z0-9_=-]{20,}/dg],
  ['ATLASSIAN_TOKEN', /\bATBB[A-Za-z0-9]{32}\b/dg],
  ['SHOPIFY_TOKEN', /\bshp(?:at|ca|pa|ss|ua)_[a-fA-F0-9]{32}\b/dg],
  ['SQUARE_TOKEN', /\b(?:sq0(?:atp|csp|idp)-[\w-]{22,}|EAAA[A-Za-z0-9_-]{60})/dg],
  ['LINEAR_KEY', /\blin_(?:api|oauth)_[A-Za-z0-9]{32,}\b/dg],
  ['NOTION_TOKEN', /\b(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,})\b/dg],
  ['GRAFANA_TOKEN', /\bgl(?:sa|c)_[A-Za-z0-9+/=_]{32,}/dg],
  ['GRAFANA_TOKEN', /\beyJrIjoi[A-Za-z0-9+/=]{40,}/dg],
  ['NEW_RELIC_KEY', /\b(?:NRAK-[A-Z0-9]{27}|NRJS-[a-f0-9]{19}|NRII-[\w-]{32}|[a-f0-9]{36}NRAL)\b/dg],
  ['SENTRY_TOKEN', /\bsntr(?:ys|yu)_[A-Za-z0-9+/=_-]{40,}/dg],
  ['PULUMI_TOKEN', /\bpul-[a-f0-9]{40}\b/dg],
  ['POSTMAN_KEY', /\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b/dg],
  ['AIRTABLE_TOKEN', /\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b/dg],
  ['FIGMA_TOKEN', /\bfig[do]_[A-Za-z0-9_-]{36,}/dg],
  ['DROPBOX_TOKEN', /\bsl\.[A-Za-z0-9_-]{100,}/dg],
  ['FLY_TOKEN', /\b(?:fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/=_]{50,})/dg],
  ['VERCEL_TOKEN', /\bvc[piakr]_[A-Za-z0-9]{24,}\b/dg],
  ['SUPABASE_TOKEN', /\bsb(?:p|_secret|_publishable)_[A-Za-z0-9_]{20,}/dg],
  ['PLANETSCALE_TOKEN', /\bpscale_(?:tkn|pw|oauth)_[\w=.-]{32,}/dg],
  ['DOPPLER_TOKEN', /\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40,}/dg],
  ['ONEPASSWORD_TOKEN', /\bops_eyJ[A-Za-z0-9_=-]{60,}/dg],
  ['AGE_KEY', /\bAGE-SECRET-KEY-1[A-Z0-9]{50,}\b/dg],
  ['AZURE_SECRET', /(?<![\w~.-])[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}(?![\w~.-])/dg],
  [
    'AZURE_KEY',
    /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40,120}?(?:ACDb|ASt|AzCa|AzSe|AzFu|JQQJ99)[A-Za-z0-9/+=]{4,}/dg,
  ],
  ['ARTIFACTORY_TOKEN', /\b(?:AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{56})\b/dg],
  ['SONAR_TOKEN', /\bsq[pua]_[a-f0-9]{40}\b/dg],
  ['NETLIFY_TOKEN', /\bnfp_[A-Za-z0-9]{36}\b/dg],
  ['TAILSCALE_KEY', /\btskey-[a-z]+-[A-Za-z0-9]+-?[A-Za-z0-9]{10,}/dg],
  ['CONFLUENT_KEY', /\bcflt[A-Za-z0-9+/]{60}\b/dg],
  ['BUILDKITE_TOKEN', /\bbk(?:ua|ct|at)_[a-f0-9]{40}\b/dg],
  ['PAGERDUTY_KEY', /\bpdus\+_[A-Za-z0-9+_-]{20,}/dg],
  ['CIRCLECI_TOKEN', /\bCCI(?:PAT|PRJ)_[A-Za-z0-9]{20,}_[a-f0-9]{40}\b/dg],
  ['DYNATRACE_TOKEN', /\bdt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b/dg],
  ['ALIBABA_KEY', /\bLTAI[A-Za-z0-9]{12,26}\b/dg],
  ['TENCENT_KEY', /\bAKID[A-Za-z0-9]{32}\b/dg],
  ['YANDEX_KEY', /\b(?:AQVN[A-Za-z0-9_-]{35,38}|t1\.[A-Za-z0-9_-]{60,})/dg],
  ['FACEBOOK_TOKEN', /\bEAA[A-Za-z0-9]{80,}\b/dg],
  ['MAPBOX_TOKEN', /\bsk\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{16,}/dg],
  ['CONTENTFUL_TOKEN', /\bCFPAT-[A-Za-z0-9_-]{40,}/dg],
  ['LAUNCHDARKLY_KEY', /\b(?:api|sdk|mob)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/dg],
  [
    'SERVICE_TOKEN',
    /\b(?:shippo_(?:live|test)_[a-f0-9]{40}|tfp_[A-Za-z0-9_-]{40,}|pnu_[A-Za-z0-9]{36}|rdme_[a-z0-9]{70})\b/dg,
  ],
  ['AI_KEY', /\bsk_[a-f0-9]{48}\b/dg],
  // Three parts of base64url whose first two are JSON objects.
  ['JWT', /\beyJ[A-Za-z0-9_-]{8,}\.(?:eyJ[A-Za-z0-9_-]{4,}|[A-Za-z0-9_-]{8,})(?:\.[A-Za-z0-9_-]*)*/dg],
];

/** Parameters of signed addresses: whoever has them may read. */
const SIGNATURES =
  /[?&;](?:sig|X-Amz-(?:Signature|Security-Token|Credential)|X-Goog-(?:Signature|Credential)|Signature|AWSAccessKeyId|se?cret|sessionid|auth|access_?key|private_token|job_token)=(?<secret>[^&\s"'<>#;]{6,})/dgi;

const PRIVATE_KEYS: readonly RegExp[] = [
  // Line ends may be written as \n.
  /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?<secret>[\s\S]{1,20000}?)-----END (?:[A-Z0-9]+ )*PRIVATE KEY/dg,
  // Cut off by the end of the log.
  /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?<secret>(?:\s|\\[rn]|[A-Za-z0-9+/=]{16,}|[A-Za-z0-9+/=]+$)+)/dg,
  /\bPrivate-Lines: \d+\r?\n(?<secret>(?:[A-Za-z0-9+/=]+(?:\r?\n|$))+)/dg,
  // Lines of a key without its head.
  /(?<![A-Za-z0-9+/])(?<secret>(?:b3BlbnNzaC1rZXktdjE|MII[A-Za-z0-9+/]{3}IBAAKCA)[A-Za-z0-9+/=\r\n]{20,})/dg,
];

export const vendorTokens: Detector = function* (text) {
  for (const pattern of PRIVATE_KEYS) yield* spansOf(text, pattern, 'PRIVATE_KEY');
  for (const [kind, form] of FORMS) yield* spansOf(text, form, kind);
  yield* spansOf(text, SIGNATURES, 'SIGNATURE');
};
