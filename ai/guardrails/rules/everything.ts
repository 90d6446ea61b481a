import { EVERY_UNIT } from '../commands/model.ts';
import { partOf } from '../parts.ts';
import type { Rule } from './rule.ts';

/** Commands that act on all there is, because nothing chooses one. */

const VERB = /^(?:stop|remove|disable|unregister|uninstall|suspend|set|clear)-(\w+)$/;
const SHORT: Readonly<Record<string, string>> = {
  spps: 'process',
  kill: 'process',
  spsv: 'service',
  gps: 'process',
  ps: 'process',
  gsv: 'service',
};
/** Things of the present session, and queues: to end all of them is what is meant. */
const HARMLESS =
  /^(?:job|pssession|variable|event|eventsubscriber|bitstransfer|module|printjob|psbreakpoint|psdrive|runspace|alias|item|itemproperty|content|childitem|location|date|history|error|psreadlineoption|executionpolicy)$/;

/** What a command ends, removes or switches off; undefined when it does none of it. */
function endedBy(name: string, line: string): string | undefined {
  const noun = SHORT[name] ?? VERB.exec(name)?.[1];
  if (noun === undefined || HARMLESS.test(noun)) return undefined;
  return name.startsWith('set-') &&
    !/-(?:startuptype\s+disabled|enabled\s+(?:\S*false|0|\u0001)|status\s+stopped)/.test(line)
    ? undefined
    : noun;
}

const listedBy = (word: string): string | undefined =>
  SHORT[word.toLowerCase()] ?? /^get-(\w+)$/i.exec(word)?.[1]?.toLowerCase();

/** What a filter may ask for without choosing one of them. */
const BROAD =
  /^\{?\s*\(?\s*(?:\$_\.|\$psitem\.)?(?:status|state|starttype|startmode|canstop|responding|enabled|sessionid|si)\b(?!.*\b(?:name|displayname|processname|path|id|company|mainwindowtitle|cpu|ws|workingset\w*)\b)/i;
const STEPS = /^(?:where-object|where|\?|sort-object|sort|select-object|select|foreach-object|foreach|%)$/i;

const ofPowerShell: Rule = ({ name, args, before, line }) => {
  const [source, ...steps] = before;
  const noun = endedBy(name, line);
  if (noun === undefined || source === undefined || listedBy(partOf(source.words, 0)) !== noun)
    return undefined;
  const named = (words: readonly string[]): boolean =>
    words.some(
      (word, index) =>
        /^[^-\u0001]/.test(word) &&
        !/^-(?:erroraction|ea|startuptype|status|force)$/i.test(partOf(words, index - 1)),
    );
  if (named(source.words.slice(1)) || named(args)) return undefined;
  const narrowed = steps.some(({ words: [first = '', ...rest] }) => {
    if (!STEPS.test(first)) return true;
    return /^(?:where|\?)/i.test(first) && !BROAD.test(rest.join(' '));
  });
  return narrowed ? undefined : { code: 'process_kill', message: 'Ends or removes all that there is' };
};

/** Units as systemctl lists them, all of them, handed to systemctl once more. */
const ofSystemd: Rule = ({ name, lower, args, input }) =>
  /^(?:systemctl|service|kill|rc-service)$/.test(name) &&
  lower.some((arg) => /^(?:stop|disable|mask|kill|isolate)$/.test(arg)) &&
  (args.some((arg) => arg.includes(EVERY_UNIT)) || input.includes(EVERY_UNIT))
    ? { code: 'process_kill', message: 'Stops or disables every service' }
    : undefined;

export const EVERYTHING_RULES: readonly Rule[] = [ofPowerShell, ofSystemd];
