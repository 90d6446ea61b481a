/** Reads a bill of materials of macOS packages, as far as its list of paths: by its pages, from either end. */

interface Leaf {
  readonly entries: readonly { readonly info: number; readonly name: number }[];
  readonly next: number;
  readonly previous: number;
}

export interface BomPaths {
  /** From the first page to the last, as each says which follows. */
  readonly paths: readonly string[];
  /** From the last page to the first, likewise. */
  readonly backwards: readonly string[];
  /** Pages at the end of the tree. */
  readonly pages: number;
  /** As many as it says to list. */
  readonly claimed: number;
}

export function readBom(bom: Buffer): BomPaths {
  if (bom.toString('latin1', 0, 8) !== 'BOMStore') throw new Error('No bill of materials');
  const index = bom.readUInt32BE(16);
  const block = (number: number): Buffer => {
    const at = index + 4 + number * 8;
    const begin = bom.readUInt32BE(at);
    return bom.subarray(begin, begin + bom.readUInt32BE(at + 4));
  };
  const tree = block(variable(bom, 'Paths'));
  const page = (number: number): Leaf & { readonly leaf: boolean } => {
    const bytes = block(number);
    const entries = Array.from({ length: bytes.readUInt16BE(2) }, (_, at) => ({
      info: bytes.readUInt32BE(12 + at * 8),
      name: bytes.readUInt32BE(16 + at * 8),
    }));
    const [next, previous] = [bytes.readUInt32BE(4), bytes.readUInt32BE(8)];
    return { leaf: bytes.readUInt16BE(0) === 1, entries, next, previous };
  };
  /** The leaf at one end of the tree. */
  const end = (which: 0 | -1): Leaf => {
    let found = page(tree.readUInt32BE(8));
    while (!found.leaf) found = page(found.entries.at(which)?.info ?? 0);
    return found;
  };
  const chain = (from: Leaf, on: 'next' | 'previous'): Leaf[] => {
    const leaves = [from];
    for (let leaf = from; leaf[on] !== 0; leaves.push(leaf)) leaf = page(leaf[on]);
    return leaves;
  };
  const forwards = chain(end(0), 'next');
  const backwards = chain(end(-1), 'previous');
  const paths = new Map<number, string>();
  const pathOf = ({ info, name }: Leaf['entries'][number]): string => {
    const id = block(info).readUInt32BE(0);
    const parent = block(name).readUInt32BE(0);
    const own = block(name).toString('utf8', 4).replace(/\0$/, '');
    const path = parent === 0 ? own : `${paths.get(parent)}/${own}`;
    paths.set(id, path);
    return path;
  };
  return {
    paths: forwards.flatMap(({ entries }) => entries.map(pathOf)),
    backwards: backwards.flatMap(({ entries }) => [...entries].reverse().map(pathOf)),
    pages: forwards.length,
    claimed: tree.readUInt32BE(16),
  };
}

/** The block that a name stands for. */
function variable(bom: Buffer, wanted: string): number {
  let at = bom.readUInt32BE(24) + 4;
  for (let left = bom.readUInt32BE(at - 4); left > 0; left -= 1) {
    const length = bom.readUInt8(at + 4);
    if (bom.toString('latin1', at + 5, at + 5 + length) === wanted) return bom.readUInt32BE(at);
    at += 5 + length;
  }
  throw new Error(`There is no ${wanted}`);
}
