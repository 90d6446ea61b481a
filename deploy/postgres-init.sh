#!/bin/sh
# Runs once, on an empty volume. Platform and Temporal get roles of their own: the platform's owns its database,
# Temporal's may make its two, and neither sees the other's. The superuser is nobody's at run time.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  -v eucora_password="$EUCORA_DB_PASSWORD" -v temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE eucora LOGIN PASSWORD :'eucora_password';
CREATE DATABASE eucora OWNER eucora;
REVOKE CONNECT, TEMPORARY ON DATABASE eucora FROM PUBLIC;
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';
SQL
