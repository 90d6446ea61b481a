const SHOWN = 200;
/** Deeper than anything of ours: what is below is shown as it is written. */
const MAX_DEPTH = 6;

type Entry = readonly [path: string, value: string];

/** Leaves of a value with their paths, for people: `gates.health.offline_is_sick` and `true`. */
export function leavesOf(value: unknown, path = '', depth = 0): Entry[] {
  if (value === null || value === undefined) return path === '' ? [] : [[path, '–']];
  if (typeof value !== 'object') return [[path, String(value)]];
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object' || one === null))
    return [[path, value.length === 0 ? 'none' : value.join(', ')]];
  if (depth >= MAX_DEPTH) return [[path, JSON.stringify(value)]];
  const entries = Object.entries(value);
  if (entries.length === 0) return path === '' ? [] : [[path, 'none']];
  return entries.flatMap(([name, part]) => {
    const named = Array.isArray(value) ? String(Number(name) + 1) : name;
    return leavesOf(part, path === '' ? named : `${path}.${named}`, depth + 1);
  });
}

const Text = ({ of }: { of: string }) =>
  of.includes('\n') ? <pre class="text">{of}</pre> : <span>{of}</span>;

const More = ({ count }: { count: number }) =>
  count <= SHOWN ? null : (
    <p>
      The first {SHOWN} of {count}; the API gives all.
    </p>
  );

/** A value of free form as a table of its leaves. */
export function Values({ caption, value }: { caption: string; value: unknown }) {
  const leaves = leavesOf(value);
  if (leaves.length === 0) return <p class="empty">Nothing.</p>;
  return (
    <>
      <section class="scroll" aria-label={caption} tabindex={0}>
        <table class="values">
          <caption class="hidden">{caption}</caption>
          <tbody>
            {leaves.slice(0, SHOWN).map(([path, text]) => (
              <tr>
                <th scope="row">{path === '' ? 'value' : path}</th>
                <td>
                  <Text of={text} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <More count={leaves.length} />
    </>
  );
}

/** What a change made of what, field by field. */
export function Changes({ before, after }: { before: unknown; after: unknown }) {
  const [was, is] = [new Map(leavesOf(before)), new Map(leavesOf(after))];
  const paths = [...new Set([...was.keys(), ...is.keys()])];
  return (
    <>
      <table class="values">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {paths.slice(0, SHOWN).map((path) => (
            <tr>
              <th scope="row">{path}</th>
              <td>
                <Text of={was.get(path) ?? ''} />
              </td>
              <td>
                <Text of={is.get(path) ?? ''} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <More count={paths.length} />
    </>
  );
}
