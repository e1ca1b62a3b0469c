#!/bin/sh
# Start the Temporal server with a database password that is a file.
set -eu

POSTGRES_PWD=$(cat "${POSTGRES_PWD_FILE:?a file with the password}")
export POSTGRES_PWD
exec "${TEMPORAL_ENTRYPOINT:-/etc/temporal/entrypoint.sh}"
