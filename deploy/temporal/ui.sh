#!/bin/sh
# Start Temporal's UI with a client's secret that is a file, which may be empty where nobody signs in.
set -eu

TEMPORAL_AUTH_CLIENT_SECRET=$(cat "${TEMPORAL_AUTH_CLIENT_SECRET_FILE:?a file with the secret}")
export TEMPORAL_AUTH_CLIENT_SECRET
exec "${TEMPORAL_UI_ENTRYPOINT:-./start-ui-server.sh}"
