/**
 * Ids are in the order in which they were made, to a quarter of a microsecond: twelve of their bits go on where the milliseconds
 * end (RFC 9562, 6.2, method 3). One expression, which Postgres takes into the statement that calls it.
 */
export const up = `
CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT (overlay(
      substring(encode(int8send((extract(epoch FROM clock_timestamp()) * 4096000)::bigint), 'hex') FROM 2)
      PLACING '7' FROM 13 FOR 0)
    || right(gen_random_uuid()::text, 17))::uuid
$$;
`;
