import { randomBytes } from 'node:crypto';

/** Characters that are not seen, or that turn the text round: no text needs them to be understood. */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\u001b\[[0-9;?]*[A-Za-z]/gu;

/**
 * Marks text from devices as data. The mark holds a number that the text cannot know, and each of its lines begins
 * with a bar: a line that looks like our own, or like the end of the data, is still plainly a line of it.
 */
export function createMarker(
  nonce = randomBytes(9).toString('base64url'),
): (label: string, text: string) => string {
  return (label, text) => {
    const lines = text.replaceAll(nonce, '').replace(/\r\n?/g, '\n').replace(UNSEEN, '').split('\n');
    return `<<device ${label} ${nonce}>>\n${lines.map((line) => `| ${line}`).join('\n')}\n<<end ${label} ${nonce}>>`;
  };
}
