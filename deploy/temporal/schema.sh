#!/bin/sh
# Create or upgrade Temporal's two databases. Safe to run again.
set -eu

: "${SQL_HOST:?host of the PostgreSQL server}" "${SQL_USER:?}"
SQL_PASSWORD=${SQL_PASSWORD:-$(cat "${SQL_PASSWORD_FILE:?a file with the password, or SQL_PASSWORD}")}
export SQL_PASSWORD SQL_PLUGIN=postgres12 SQL_PORT="${SQL_PORT:-5432}"
schemas=/etc/temporal/schema/postgresql/v12

for database in temporal visibility; do
    name=temporal
    [ "$database" = visibility ] && name=temporal_visibility
    temporal-sql-tool --database "$name" create
    temporal-sql-tool --database "$name" setup-schema --version 0.0 || echo "$name: schema is set up already"
    temporal-sql-tool --database "$name" update-schema --schema-dir "$schemas/$database/versioned"
done
