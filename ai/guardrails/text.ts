import type { Platform } from '../../contracts/agent/agent.ts';
import type { Finding } from '../../contracts/incident/ai.ts';
import type { Dialect } from './commands/model.ts';
import { commandsIn } from './documents.ts';
import { Inspector } from './inspector.ts';
import { partOf } from './parts.ts';

const DIALECTS: Readonly<Record<Platform, readonly Dialect[]>> = {
  linux: ['sh'],
  macos: ['sh'],
  windows: ['powershell', 'cmd'],
};

/**
 * Judges a text of which it is not known whether it is a script or an explanation with commands in it: as a script,
 * and piece by piece where it is prose. A warning against a command is no advice to run it.
 */
export function inspectText(said: string, platform: Platform): Finding[] {
  const text =
    said.length > MAX_TEXT ? said : said.replace(/[ \t]{24,}/g, ' ').replace(/\n\s*\n\s*\n/g, '\n\n');
  const inspector = new Inspector();
  // Longer ones are refused as a whole.
  const pieces = text.length > MAX_TEXT ? [] : [...(isXml(text) ? [] : piecesOf(text)), ...commandsIn(text)];
  if (text.length > MAX_TEXT || pieces.length > MAX_PIECES) {
    inspector.refuse(text);
    return inspector.findings();
  }
  for (const piece of pieces) {
    for (const dialect of dialectsOf(piece, platform)) inspector.judge(piece, dialect);
  }
  return inspector.findings();
}

/** By what the piece says of itself, else by its platform; Windows has two shells. */
function dialectsOf(piece: string, platform: Platform): readonly Dialect[] {
  if (
    /^#!.*\bpython|^\s*(?:import (?:os|shutil|subprocess|sys|base64|socket)\b|from (?:os|shutil|subprocess|pathlib) import)/m.test(
      piece,
    )
  )
    return ['python', ...DIALECTS[platform]];
  if (/^#!.*\bperl/.test(piece)) return ['perl'];
  if (/^#!.*\b(?:pwsh|powershell)/.test(piece)) return ['powershell'];
  if (/^\s*(?:#!.*\b(?:ba|z|da)?sh\b)/.test(piece)) return ['sh'];
  if (platform !== 'windows')
    return /\b[A-Z][a-z]+-[A-Z][A-Za-z]+\b|\[(?:System\.)?(?:IO|Convert|Text)\b/.test(piece)
      ? ['sh', 'powershell']
      : DIALECTS[platform];
  // A text with PowerShell's own marks is none of cmd's, and the other way round.
  if (
    /^\s*@?echo off|^\s*rem\s|%\w+%|%~|\bsetlocal\b/im.test(piece) &&
    !/\$\w+\s*=|\b[A-Z][a-z]+-[A-Z]\w+/.test(piece)
  )
    return ['cmd'];
  if (/^\s*<#|^\s*\$\w+\s*=|^\s*#|@['"]\s*$/m.test(piece))
    return ['powershell', ...(/^\s*#/m.test(piece) ? [] : (['cmd'] as const))];
  return DIALECTS.windows;
}

const TAG =
  '<(?:\\?xml[^<>]*\\?|!DOCTYPE[^<>]*|!--[^<>]*--|/?[A-Za-z][\\w.:-]*(?:\\s+[\\w.:-]+="[^"<>]*"){0,16}\\s*/?)>';
/** Each line is made of tags and what they hold: no shell reads it. */
const XML_LINE = new RegExp(`^\\s*${TAG}(?:[^<>]*${TAG})*\\s*$`);
const isXml = (text: string): boolean =>
  text.trimStart().startsWith('<') &&
  text.split('\n').every((line) => line.trim() === '' || XML_LINE.test(line));

const MAX_TEXT = 32_768;
const MAX_PIECES = 200;
const FENCE = /^[ \t]*(?:```|~~~)[^\n]*\n([\s\S]*?)(?:^[ \t]*(?:```|~~~)[ \t]*$|$(?![\s\S]))/gm;
const PROMPT =
  /^\s*(?:\d+[.)]\s+|[-*•]\s+)?(?:(?:PS\s?)?[A-Z]:\\[^>\n]*>\s*|PS>\s*|\$\s+|%\s+|[\w.-]+@[\w.-]+:[^$#\n]*[$#]\s+|>\s+(?=\w))/;
const WARNING =
  /\b(?:never|do not|don[’']t|does not|doesn[’']t|avoid|must not|mustn[’']t|should not|shouldn[’']t|cannot|can[’']t|refus\w+|block\w+|forbid\w*|forbidden|dangerous|harmful|destructive|instead of|rather than|would (?:delete|erase|wipe|destroy|remove|format|have)|no need to|not necessary to|without (?:running|using)|beware|careful|warning|unsafe|tried to|attempted|was rejected|is not allowed)\b/i;
/** A sentence: begins like one and goes on with words. */
const SENTENCE =
  /^\s*(?:\d+[.)]\s+|[-*•]\s+)?(?:\*\*)?(?:[A-Z][a-z’']*|I|A|[a-z]+ (?:the|a|an|this|that|your|you|is|are|and|to|we|it))(?:[,:]?\s+(?:\*\*|[`"'(])?[\w’'%$./\\:-]+){2,}/;
const COMMAND_FIRST =
  /^\s*(?:sudo|rm|dd|curl|wget|del|rd|rmdir|format|powershell|pwsh|cmd|reg|net|sc|Remove-Item|Invoke-|Get-|Set-|Start-|Stop-|New-|Clear-|Format-|Add-|Disable-|Enable-|Restart-|Uninstall-|Install-|(?:If|For|Do|Try|While|Switch)\s*[({]|Function\s+[\w-]+\s*[({]|Import-|Write-|Test-|Copy-|Move-|Out-|Select-|Where-|ForEach|Param\s*\(|\[|\$|[A-Z_]+=|echo|DISM|MsiExec|Msiexec|Sfc|SFC|WMIC|Wmic|CD|RD|DEL|ECHO|FORMAT|REG|NET|SET|Dism)/;

export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  const rest = text.replace(FENCE, (_, body: string, at: number) => {
    const head =
      text
        .slice(Math.max(0, at - 160), at)
        .split(/(?<=[.!?])\s/)
        .at(-1) ?? '';
    if (!isWarning(head)) pieces.push(unprompted(body));
    return '\n';
  });
  const lines = rest.split('\n');
  const isProse = lines.map(
    (line) =>
      line.trim() !== '' &&
      SENTENCE.test(plainWords(line)) &&
      !COMMAND_FIRST.test(line) &&
      !PROMPT.test(line) &&
      !isStatement(line),
  );
  if (!isProse.some((prose) => prose) && !lines.some((line) => /^\s*(?:\d+[.)]|[-*•])\s[^`]*`/.test(line)))
    return [...pieces, unprompted(rest)];
  let script: string[] = [];
  const endScript = (): void => {
    if (script.length > 0) pieces.push(unprompted(script.join('\n')));
    script = [];
  };
  for (const [index, line] of lines.entries()) {
    if (isProse[index] !== true) {
      // A step of a list, in whatever language.
      if (/^\s*(?:\d+[.)]|[-*•])\s/.test(line)) pieces.push(...quotedIn(plainWords(line)));
      script.push(line);
      continue;
    }
    endScript();
    const plain = plainWords(line);
    pieces.push(...quotedIn(plain), ...saidIn(plain));
  }
  endScript();
  return pieces;
}

/** Without the marks by which a sentence stresses its words. */
const plainWords = (line: string): string => line.replace(/(\*\*|__)(?=\S)([^*_\n]{1,80})\1/g, '$2');

/** Signs that only code has at such places: a line of a script is never taken for a sentence because of its words. */
const isStatement = (line: string): boolean =>
  /^\s*(?:\w+\s*\(\s*\)\s*\{|[A-Za-z_]\w*=\S|(?:if|for|while|case|until)\s.*(?:;|\bthen|\bdo)\s*$|(?:then|do|else|fi|done|esac)\b)/.test(
    line,
  );

const isWarning = (sentence: string): boolean =>
  WARNING.test(sentence) &&
  !/\b(?:don[’']t worry|do not worry|never mind|do not hesitate|cannot be undone\?)\b/i.test(sentence);

const unprompted = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.replace(PROMPT, ''))
    .join('\n');

const SENTENCES = /(?<=[.!?])\s+(?=[A-Z])|(?<=;)\s+(?=(?:then|instead|rather|but)\b)/;

/** Commands between backticks or quotes, in sentences that do not warn of them. */
function quotedIn(line: string): string[] {
  return line
    .split(SENTENCES)
    .flatMap((sentence) =>
      isWarning(sentence.replace(/`[^`]*`/g, ' '))
        ? []
        : [...sentence.matchAll(/`([^`\n]+)`|“([^”]+)”|"([^"\n]{4,})"|'([^'\n]{4,})'/g)].map(
            (match) => match[1] ?? match[2] ?? match[3] ?? partOf(match, 4),
          ),
    );
}

const STARTS =
  'sudo|rm|dd|mkfs(?:\\.\\w+)?|curl|wget|chmod|chown|shred|wipefs|find|bash|sh|zsh|python3?|perl|echo|printf|eval|base64|kill|killall|pkill|useradd|usermod|userdel|passwd|crontab|systemctl|iptables|ufw|setenforce|mv|tee|nc|ncat|netcat|scp|rsync|git|kubectl|docker|shutdown|poweroff|halt|init|history|' +
  'diskutil|csrutil|spctl|tmutil|nvram|launchctl|dscl|' +
  'del|erase|rd|rmdir|format|diskpart|cipher|vssadmin|wbadmin|bcdedit|bootrec|wevtutil|reg|net|sc|schtasks|powershell(?:\\.exe)?|pwsh|cmd(?:\\.exe)?|certutil|bitsadmin|mshta|regsvr32|rundll32|takeown|icacls|netsh|wmic|iex|iwr|irm|[A-Z][a-z]+-[A-Z]\\w+';

/** Commands that stand bare in a sentence: behind a word that asks to run something. */
function saidIn(line: string): string[] {
  return line
    .replace(/`[^`]*`/g, ' ')
    .split(SENTENCES)
    .flatMap((sentence) => {
      const found = new RegExp(
        `(?:\\b(?:run|runs|running|execute|executing|type|typing|enter|entering|use|using|paste|issue|invoke|try|do|perform|launch|call|with|by|via|command|prompt|shell|terminal|and|then|followed by|open|start|first)\\b[ :]*(?:the )?(?:command |following )?(?:as root |as administrator )?[:]?\\s*|:\\s+|;\\s+|&&\\s+|\\(|→\\s*|->\\s*)((?:${STARTS})\\s+\\S.*)$`,
      ).exec(sentence);
      return found === null || isWarning(sentence) ? [] : [untilWords(partOf(found, 1))];
    });
}

/** Cuts a command off where the sentence goes on: "… to free space", "… and restart". */
function untilWords(command: string): string {
  return command
    .replace(
      /\s+(?:to|in order to|so that|which|because|as|from|on the|on your|and then|then|and|before|after|until|if|when|for)\s+(?:the|a|an|your|it|this|that|you|all|free|clean|fix|restart|reboot|reinstall|install|start|remove|clear|make|get|root|administrator|every|each)\b.*$/i,
      '',
    )
    .replace(/[.,;:!?)]+$/, '');
}
