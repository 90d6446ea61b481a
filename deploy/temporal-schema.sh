#!/bin/sh
# Makes or migrates Temporal's two databases; harmless when they are current. The password comes in SQL_PASSWORD.
set -eu
for database in temporal temporal_visibility; do
  case "$database" in
    temporal) schema=postgresql/v12/temporal ;;
    *) schema=postgresql/v12/visibility ;;
  esac
  set -- --plugin postgres12 --endpoint postgres --port 5432 --user temporal --database "$database"
  temporal-sql-tool "$@" create
  temporal-sql-tool "$@" setup-schema --version 0.0
  temporal-sql-tool "$@" update-schema --schema-name "$schema"
done
