/** Content of a DER element without its tag and length. */
export function bodyOf(der: Buffer): Buffer {
  const first = der.readUInt8(1);
  return der.subarray(first < 128 ? 2 : 2 + (first & 0x7f));
}
