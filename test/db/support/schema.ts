import type { Pool } from 'pg';

/** Tables (partitions by their parent only), columns, constraints, indexes, triggers and functions, as text. */
export async function dumpSchema(pool: Pool): Promise<string> {
  const lines: string[] = [];
  const all = async (sql: string): Promise<string[]> => {
    const { rows } = await pool.query<{ line: string }>(sql);
    return rows.map((row) => row.line);
  };
  lines.push(
    ...(await all(
      `SELECT 'EXTENSION ' || extname AS line FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1`,
    )),
  );
  const tables = await pool.query<{ oid: number; name: string; head: string }>(
    `SELECT c.oid, c.relname AS name, 'TABLE ' || c.relname
       || COALESCE(' PARTITION BY ' || pg_get_partkeydef(c.oid), '')
       || COALESCE(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS head
     FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     ORDER BY c.relname`,
  );
  for (const { oid, head } of tables.rows) {
    lines.push('', head);
    const parts = [
      `SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
         || CASE attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' ELSE '' END
         || COALESCE(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') AS line
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE attrelid = ${oid} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
      `SELECT 'CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid) AS line
       FROM pg_constraint WHERE conrelid = ${oid} AND contype <> 'n' ORDER BY conname`,
      `SELECT pg_get_indexdef(indexrelid) AS line FROM pg_index WHERE indrelid = ${oid} ORDER BY 1`,
      `SELECT pg_get_triggerdef(oid) AS line FROM pg_trigger WHERE tgrelid = ${oid} AND NOT tgisinternal ORDER BY 1`,
    ];
    for (const part of parts) lines.push(...(await all(part)).map((line) => `  ${line}`));
  }
  const functions = await all(
    `SELECT pg_get_functiondef(p.oid) AS line FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY p.proname`,
  );
  for (const definition of functions) lines.push('', definition.trimEnd());
  return `${lines.join('\n')}\n`;
}
