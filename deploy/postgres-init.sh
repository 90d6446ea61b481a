#!/bin/sh
# Runs once, on an empty volume: Temporal gets a role of its own, which may make its two databases and sees no other.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'password';
REVOKE CONNECT ON DATABASE eucora FROM PUBLIC;
SQL
