import {
  FAILURE_CATEGORIES,
  type Failure,
  type FailureCategory,
  type Severity,
} from '../../contracts/incident/ai.ts';
import { type CodeHint, codesIn, exitCodeHint } from './codes.ts';
import { inEnglish } from './foreign.ts';
import type { Topic } from './topic.ts';
import { COMPATIBILITY_TOPICS } from './topics/compatibility.ts';
import { CONFIGURATION_TOPICS } from './topics/configuration.ts';
import { INSTALLATION_TOPICS } from './topics/installation.ts';
import { NETWORK_TOPICS } from './topics/network.ts';
import { PERMISSION_TOPICS } from './topics/permission.ts';
import { vocabularyPoints } from './vocabulary.ts';

export const TOPICS: readonly Topic[] = [
  ...INSTALLATION_TOPICS,
  ...COMPATIBILITY_TOPICS,
  ...NETWORK_TOPICS,
  ...PERMISSION_TOPICS,
  ...CONFIGURATION_TOPICS,
];

export interface Verdict {
  readonly category: FailureCategory;
  /** Of the wordings that decided, the plainest; undefined when only codes or nothing spoke. */
  readonly topic: Topic | undefined;
  /** Points of each category. */
  readonly scores: Readonly<Record<FailureCategory, number>>;
  /** Parts of the input that spoke for the category, plainest first. */
  readonly evidence: readonly string[];
  /** Share of all points, dampened where there are few: from 0 to 1, not calibrated. */
  readonly certainty: number;
  readonly severity: Severity;
}

/** How much a line counts: the error more than the log, the log's end more than its beginning. */
const OF_ERROR = 1;
const OF_LAST_LINES = 0.62;
const OF_EARLIER_LINES = 0.3;
/** What says only that an installation failed, beside a cause of another kind. */
const OF_GENERIC = 0.3;
const SPECIFIC = 2.6;
const GENERIC_CODE = /^(?:1603|1|0x80070643|-2147023293)$/i;
const LAST_LINES = 6;
const MAX_LINES = 400;
const MAX_LOG = 32_768;
const MAX_ERROR = 8_192;
/** Lines that say of themselves that they do not matter. */
const UNIMPORTANT =
  /\b(?:warn(?:ing)?|debug|info(?:rmation)?|notice|trace|verbose|note|hint|ignored|retry(?:ing)?|skipping|deprecated|success(?:fully)?|ok|done|passed|complete[d]?)\b/i;
const DECISIVE =
  /\b(?:error|fatal|fail(?:ed|ure)?|cannot|could not|unable|denied|refused|abort(?:ed|ing)?|err!?|critical|severe|exception|panic)\b|^E:/i;

interface Match {
  readonly topic: Topic;
  readonly points: number;
  readonly evidence: string;
}

/** Judges a failure by wordings and codes alone. */
export function classifyByRules(told: Failure): Verdict {
  const failure = { ...told, error: inEnglish(ends(told.error)), log: inEnglish(told.log.slice(-MAX_LOG)) };
  const matches = [...matchesIn(failure.error, OF_ERROR), ...logMatches(failure.log)];
  const scores: Record<FailureCategory, number> = {
    INSTALLATION_FAILURE: 0.2,
    COMPATIBILITY_ISSUE: 0,
    NETWORK_ISSUE: 0,
    PERMISSION_ISSUE: 0,
    CONFIGURATION_ERROR: 0,
  };
  // The same topic counts fully once: a log repeats itself.
  const best = new Map<string, Match>();
  // A plain cause says more than that the installation failed, wherever it stands.
  const isCaused = matches.some(
    ({ topic }) =>
      topic.generic !== true && topic.weight >= SPECIFIC && topic.category !== 'INSTALLATION_FAILURE',
  );
  const genericFactor = isCaused ? OF_GENERIC : 1;
  for (const found of matches) {
    const match = found.topic.generic === true ? { ...found, points: found.points * genericFactor } : found;
    const known = best.get(match.topic.id);
    if (known === undefined || known.points < match.points) best.set(match.topic.id, match);
  }
  const byCategory = new Map<FailureCategory, Match[]>();
  for (const match of best.values())
    byCategory.set(match.topic.category, [...(byCategory.get(match.topic.category) ?? []), match]);
  // Several wordings of one kind support each other, but less and less.
  for (const [category, list] of byCategory) {
    for (const [index, { points }] of list.sort((a, b) => b.points - a.points).entries())
      scores[category] += points / (index + 1) ** 1.6;
  }
  const inError = vocabularyPoints(failure.error);
  const inLog = vocabularyPoints(lastLines(failure.log));
  for (const category of FAILURE_CATEGORIES)
    scores[category] += inError[category] + inLog[category] * OF_EARLIER_LINES;
  const hints = codeHints(failure).map((hint) =>
    GENERIC_CODE.test(hint.evidence) ? { ...hint, weight: hint.weight * genericFactor } : hint,
  );
  for (const { category, weight } of hints) scores[category] += weight;
  const category = FAILURE_CATEGORIES.reduce((top, one) => (scores[one] > scores[top] ? one : top));
  const own = (byCategory.get(category) ?? []).sort((a, b) => b.points - a.points);
  const total = Object.values(scores).reduce((sum, points) => sum + points, 0);
  return {
    category,
    topic: own[0]?.topic,
    scores,
    evidence: [
      ...own.map(({ evidence }) => evidence),
      ...hints.filter((hint) => hint.category === category).map(({ evidence }) => evidence),
    ].slice(0, 5),
    certainty: (scores[category] / total) * Math.min(1, 0.35 + scores[category] / 5),
    severity:
      own[0]?.topic.severity ??
      (category === 'NETWORK_ISSUE' || category === 'CONFIGURATION_ERROR' ? 'low' : 'medium'),
  };
}

/** Beginning and end of what is long, in lines of bounded length. */
const ends = (text: string): string =>
  (text.length <= MAX_ERROR
    ? text
    : `${text.slice(0, MAX_ERROR / 2)}\n${text.slice(-MAX_ERROR / 2)}`
  ).replace(/[^\n]{600}(?=[^\n])/g, '$&\n');

const lastLines = (log: string): string => log.trimEnd().split('\n').slice(-LAST_LINES).join('\n');

function codeHints(failure: Failure): CodeHint[] {
  const text = `${failure.error}\n${failure.log}`;
  const exit = exitCodeHint(failure.platform, failure.exit_code, text);
  const inText = new Map(
    codesIn(failure.error).map((hint) => [hint.evidence, { ...hint, weight: hint.weight * 0.8 }]),
  );
  for (const hint of codesIn(failure.log))
    if (!inText.has(hint.evidence)) inText.set(hint.evidence, { ...hint, weight: hint.weight * 0.45 });
  const texts = [...inText.values()].sort((a, b) => b.weight - a.weight).slice(0, 3);
  return exit === undefined ? texts : [...texts, { ...exit, weight: exit.weight * 0.7 }];
}

function matchesIn(text: string, factor: number): Match[] {
  const found: Match[] = [];
  for (const topic of TOPICS) {
    const match = topic.pattern.exec(text);
    if (match !== null && match[0] !== '')
      found.push({ topic, points: topic.weight * factor, evidence: match[0].slice(0, 200) });
  }
  return found;
}

function logMatches(log: string): Match[] {
  const lines = log
    .split('\n')
    .map((line) => line.slice(0, 600))
    .filter((line) => line.trim() !== '')
    .slice(-MAX_LINES);
  return lines.flatMap((line, index) => {
    const position = lines.length - index <= LAST_LINES ? OF_LAST_LINES : OF_EARLIER_LINES;
    const plain = DECISIVE.test(line) ? 1.15 : UNIMPORTANT.test(line) ? 0.45 : 0.85;
    return matchesIn(line, position * plain);
  });
}
