#!/bin/sh
# An emulated company in its container: NAME PORT runs it, --healthy PORT asks whether it answers.
set -eu

if [ "$1" = --healthy ]; then
    exec python -m ordersaga.probe "http://127.0.0.1:$2/_control/health"
fi
exec python -m emulators "$1" --host=0.0.0.0 --port="$2" --data=/data \
    --webhook-url="http://api:8080/v1/webhooks/$1" --webhook-secret-file="/run/secrets/ordersaga_$1_webhook_secret"
