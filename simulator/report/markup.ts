/** Text as it may stand in a page. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

/** As many digits as a reader needs. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return whole.format(value);
  return value === 0 ? '0' : String(Number(value.toPrecision(3)));
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${figure(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string | number;
}

/** A table; numbers stand to the right. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const head = columns
    .map(({ head: title, cell }) => {
      const numbers = rows.some((row) => typeof cell(row) === 'number');
      return `<th${numbers ? ' class="number"' : ''}>${escaped(title)}</th>`;
    })
    .join('');
  const body = rows
    .map((row) => {
      const cells = columns.map(({ cell }) => {
        const value = cell(row);
        return typeof value === 'number'
          ? `<td class="number">${figure(value)}</td>`
          : `<td>${escaped(value)}</td>`;
      });
      return `<tr>${cells.join('')}</tr>`;
    })
    .join('');
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
