import { isIPv4, isIPv6 } from 'node:net';
import { type Detector, spansOf } from './spans.ts';

const V4 = /(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/dg;
const V6 = /(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?:\.\d{1,3}){0,3}(?![\w:])/dg;
/** Neither tells where a machine is. */
const NOBODYS = /^(?:127\.|0\.0\.0\.0|255\.255\.|::1?$)/;
const VERSION_BEFORE = /(?:\bv|version|ver\.?|release|build|driver|firmware)\s*[:=]?\s*$/i;

/** Addresses of machines; versions of four parts look the same and are told by the word before them. */
export const ipAddresses: Detector = function* (text) {
  yield* spansOf(text, V4, 'IP_ADDRESS', (value, { index }) => {
    return (
      isIPv4(value) &&
      !NOBODYS.test(value) &&
      !VERSION_BEFORE.test(text.slice(Math.max(0, index - 16), index))
    );
  });
  yield* spansOf(text, V6, 'IP_ADDRESS', (value) => isIPv6(value) && !NOBODYS.test(value));
};
