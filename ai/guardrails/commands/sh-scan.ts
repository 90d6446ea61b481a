import { partOf } from '../parts.ts';
/** Where the parts of shell text end. All take the position of a part's first character and answer the one after it. */

export function skipSingle(text: string, at: number): number {
  const end = text.indexOf("'", at + 1);
  return end === -1 ? text.length : end + 1;
}

/** $'…' */
export function skipAnsi(text: string, at: number): number {
  let position = at + 2;
  while (position < text.length && text[position] !== "'") position += text[position] === '\\' ? 2 : 1;
  return Math.min(position + 1, text.length);
}

export function skipDouble(text: string, at: number): number {
  let position = at + 1;
  while (position < text.length && text[position] !== '"') {
    if (text[position] === '\\') position += 2;
    else if (text[position] === '$') position = skipDollar(text, position, true);
    else if (text[position] === '`') position = skipBackticks(text, position);
    else position += 1;
  }
  return Math.min(position + 1, text.length);
}

export function skipBackticks(text: string, at: number): number {
  let position = at + 1;
  while (position < text.length && text[position] !== '`') position += text[position] === '\\' ? 2 : 1;
  return Math.min(position + 1, text.length);
}

/** Up to the bracket that closes the one at `at`; quotes and comments are minded. */
export function skipBrackets(text: string, at: number, close: ')' | '}'): number {
  const open = close === ')' ? '(' : '{';
  let depth = 0;
  let position = at;
  while (position < text.length) {
    const character = text[position];
    if (character === '\\') position += 2;
    else if (character === "'") position = skipSingle(text, position);
    else if (character === '"') position = skipDouble(text, position);
    else if (character === '`') position = skipBackticks(text, position);
    else if (character === '#' && /[\s;(]/.test(text[position - 1] ?? ' ') && close === ')') {
      const end = text.indexOf('\n', position);
      position = end === -1 ? text.length : end;
    } else {
      if (character === open) depth += 1;
      if (character === close) depth -= 1;
      position += 1;
      if (depth === 0) return position;
    }
  }
  return text.length;
}

/** An expansion that starts with $. */
export function skipDollar(text: string, at: number, quoted: boolean): number {
  const next = text[at + 1];
  if (next === '(') return skipBrackets(text, at + 1, ')');
  if (next === '{') return skipBrackets(text, at + 1, '}');
  if (next === "'" && !quoted) return skipAnsi(text, at);
  if (next === '"' && !quoted) return skipDouble(text, at + 1);
  const name = /^(?:[A-Za-z_]\w*|[0-9@*#?$!-])/.exec(text.slice(at + 1, at + 80))?.[0] ?? '';
  return at + 1 + name.length;
}

/** One raw word, with its quotes and expansions. */
export function skipWord(text: string, at: number): number {
  let position = at;
  while (position < text.length) {
    const character = partOf(text, position);
    if (/[\s;&|)]/.test(character)) break;
    if (character === '(' && position > at && /[?*+@!=]/.test(partOf(text, position - 1)))
      position = skipBrackets(text, position, ')');
    else if (character === '(') break;
    else if (character === '<' || character === '>') {
      if (text[position + 1] !== '(' || position !== at) break;
      position = skipBrackets(text, position + 1, ')');
    } else if (character === '\\') position += 2;
    else if (character === "'") position = skipSingle(text, position);
    else if (character === '"') position = skipDouble(text, position);
    else if (character === '`') position = skipBackticks(text, position);
    else if (character === '$') position = skipDollar(text, position, false);
    else position += 1;
  }
  return Math.min(position, text.length);
}

/** a{b,c}d becomes abd and acd; {1..3} becomes 1, 2 and 3. */
export function expandBraces(raw: string, limit = 64): string[] {
  for (let at = 0; at < raw.length; ) {
    const character = raw[at];
    if (character === '\\') at += 2;
    else if (character === "'") at = skipSingle(raw, at);
    else if (character === '"') at = skipDouble(raw, at);
    else if (character === '$') at = skipDollar(raw, at, false);
    else if (character === '{') {
      const end = skipBrackets(raw, at, '}');
      const choices = raw[end - 1] === '}' ? choicesOf(raw.slice(at + 1, end - 1)) : [];
      if (choices.length > 1) {
        const [head, tail] = [raw.slice(0, at), raw.slice(end)];
        return choices
          .slice(0, limit)
          .flatMap((choice) => expandBraces(head + choice + tail, Math.max(1, Math.floor(limit / 2))))
          .slice(0, limit);
      }
      at += 1;
    } else at += 1;
  }
  return [raw];
}

function choicesOf(inner: string): string[] {
  const range = /^(-?\d+|[A-Za-z])\.\.(-?\d+|[A-Za-z])(?:\.\.-?\d+)?$/.exec(inner);
  if (range !== null) return [partOf(range, 1), partOf(range, 2)];
  const choices: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < inner.length; ) {
    const character = inner[at];
    if (character === '\\') at += 2;
    else if (character === "'") at = skipSingle(inner, at);
    else if (character === '"') at = skipDouble(inner, at);
    else {
      if (character === '{') depth += 1;
      if (character === '}') depth -= 1;
      if (character === ',' && depth === 0) {
        choices.push(inner.slice(start, at));
        start = at + 1;
      }
      at += 1;
    }
  }
  return [...choices, inner.slice(start)];
}
