import type { Filter } from '../bounded-page.ts';
import type { OrderedFinder, Search } from '../finder.ts';
import type { Sql } from '../statement.ts';

/**
 * What agents are found by in `agent_term`, which triggers keep: each five characters of the hostname in a row, the name of
 * a tag, its name with its value.
 */
const ROWS = '(SELECT term, agent_id AS id FROM agent_term)';
/** As in the function `agent_terms` of the database: at the end of a hostname terms are shorter. */
const TERM_LENGTH = 5;
const SHORTEST_TERM = 3;
/** Before the terms of tags, so that no part of a hostname is the beginning of one. */
const TAG = '\u0001';
/** Of a long part of a hostname so many terms are asked how rare they are. */
const ASKED = 4;

const byTerm = (...anyOf: readonly Sql[]): OrderedFinder => ({
  rows: ROWS,
  columns: ['term'],
  anyOf: anyOf.map((term) => [term]),
});

/** A part of the hostname, in any case, of which Postgres alone decides: its `lower` is not JavaScript's. */
export function hostnameFilter(part: string): Filter {
  return {
    checks: [{ sql: 'lower(r.hostname) LIKE lower(:value)', value: `%${escaped(part)}%` }],
    finders: hostnameFinders(part),
  };
}

/** No text has fewer characters in lower case. */
function hostnameFinders(part: string): (OrderedFinder | Search)[] {
  const { length } = [...part];
  if (length < SHORTEST_TERM) return [];
  const last = length - TERM_LENGTH;
  // The beginning of a term has the agents of all those terms, in no order.
  if (last < 0) return [{ rows: ROWS, condition: { sql: BEGINNING, value: part } }];
  const places = Array.from({ length: ASKED }, (_, n) => Math.round((last * n) / (ASKED - 1)));
  return [...new Set(places)].map((place) =>
    byTerm({ sql: `substr(lower(:value::text), ${place + 1}, ${TERM_LENGTH})`, value: part }),
  );
}

const BEGINNING = `r.term LIKE regexp_replace(left(lower(:value::text), ${TERM_LENGTH}), '([\\\\%_])', '\\\\\\1', 'g') || '%'`;

const escaped = (text: string): string => text.replaceAll(/[\\%_]/g, '\\$&');

/** A tag by its name, or by name and value. A value given in a URL is text; tags may hold numbers and booleans, too. */
export function tagFilter(tag: string): Filter {
  const equals = tag.indexOf('=');
  if (equals < 0)
    return {
      checks: [{ sql: 'r.tags ? :value', value: tag }],
      finders: [byTerm({ sql: ':value', value: `${TAG}${tag}` })],
      exact: true,
    };
  const name = tag.slice(0, equals);
  const value = tag.slice(equals + 1);
  const readings: unknown[] = [value];
  if (value === 'true' || value === 'false') readings.push(value === 'true');
  if (value.trim() !== '' && Number.isFinite(Number(value))) readings.push(Number(value));
  return {
    checks: [
      {
        sql: 'r.tags @> ANY(:value::jsonb[])',
        value: readings.map((reading) => JSON.stringify({ [name]: reading })),
      },
    ],
    finders: [
      byTerm(
        ...readings.map((reading) => ({
          sql: 'agent_tag_term(:value::jsonb ->> 0, :value::jsonb -> 1)',
          value: JSON.stringify([name, reading]),
        })),
      ),
    ],
    exact: true,
  };
}
