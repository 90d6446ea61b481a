import { Empty } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';

const SHOWN = 200;

interface Component {
  readonly name: string;
  readonly version: string;
  readonly licenses: string;
}

/** Components of a CycloneDX or SPDX document; whatever else such a document may hold is passed over. */
export function componentsOf(document: Readonly<Record<string, unknown>>): Component[] {
  const list = document['components'] ?? document['packages'];
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const fields = entry as Record<string, unknown>;
    if (typeof fields['name'] !== 'string') return [];
    return [
      {
        name: fields['name'],
        version: String(fields['version'] ?? fields['versionInfo'] ?? ''),
        licenses: licensesOf(fields),
      },
    ];
  });
}

function licensesOf(fields: Readonly<Record<string, unknown>>): string {
  const { licenses, licenseConcluded } = fields;
  if (typeof licenseConcluded === 'string') return licenseConcluded;
  if (!Array.isArray(licenses)) return '';
  return licenses
    .map((entry: { license?: { id?: string; name?: string }; expression?: string } | null) =>
      String(entry?.license?.id ?? entry?.license?.name ?? entry?.expression ?? ''),
    )
    .filter((name) => name !== '')
    .join(', ');
}

export function SbomBrowser({ document, filter }: { document: Record<string, unknown>; filter: string }) {
  const all = componentsOf(document);
  const wanted = filter.toLowerCase();
  const found = all.filter(({ name }) => name.toLowerCase().includes(wanted));
  return (
    <>
      <search>
        <form method="get" class="filters">
          <label>
            Component
            <input name="component" value={filter} autocomplete="off" />
          </label>
          <button type="submit">Filter</button>
        </form>
      </search>
      <p>
        {found.length} of {all.length} components{found.length > SHOWN ? `, the first ${SHOWN} shown` : ''}.
      </p>
      {found.length === 0 ? (
        <Empty>None is named so.</Empty>
      ) : (
        <Table
          caption="Components"
          rows={found.slice(0, SHOWN)}
          columns={[
            { name: 'Name', cell: (one) => one.name },
            { name: 'Version', cell: (one) => one.version },
            { name: 'Licences', cell: (one) => one.licenses },
          ]}
        />
      )}
    </>
  );
}
