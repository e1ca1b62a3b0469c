#!/bin/sh
# Make the folder of secrets that docker-compose.yml reads: one file for each, and in the folder `databases` the password of
# each login at a database. What is there is left as it is.
#
#   sh deploy/secrets.sh [--emulated] [FOLDER]      FOLDER: secrets, when left out
#
# Passwords of our own databases and of Grafana, and the key that personal data is encrypted with, are made up: keep a copy
# of that one (docs/privacy.md). Those of the companies are yours to fill in, from their
# dashboards; with --emulated they are made up too. The folder is its owner's alone; the files in it can be read by the
# containers' users, to whom they are mounted one by one.
set -eu

emulated=
[ "${1:-}" != --emulated ] || { emulated=yes; shift; }
folder=${1:-secrets}
mkdir -p "$folder/databases"
chmod 700 "$folder" "$folder/databases"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

keep() { # NAME VALUE
    [ -s "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"
    chmod 644 "$folder/$1"
}

fill_in() { # NAME VALUE-OF-AN-EMULATED-COMPANY
    [ -z "$emulated" ] || { keep "$1" "$2"; return; }
    [ -e "$folder/$1" ] || : >"$folder/$1"
    chmod 644 "$folder/$1"
    [ -s "$folder/$1" ] || echo "fill in $folder/$1"
}

# Where an earlier release had them.
for pair in ordersaga_database_password:owner temporal_database_password:temporal; do
    [ ! -s "$folder/${pair%:*}" ] || mv "$folder/${pair%:*}" "$folder/databases/${pair#*:}"
done
for name in databases/owner databases/api databases/orders databases/lanes databases/relay databases/codec \
    databases/temporal grafana_password; do
    keep "$name" "$(random)"
done
# What personal data is encrypted with (docs/privacy.md). Keep a copy apart from the database: nothing opens it without.
keep ordersaga_encryption_keys "first=$(head -c 32 /dev/urandom | base64)"
fill_in ordersaga_stripe_api_key "sk_test_$(random)"
fill_in ordersaga_stripe_webhook_secret "whsec_$(random)"
fill_in ordersaga_shipbob_token "$(random)"
fill_in ordersaga_shipbob_webhook_secret "whsec_$(head -c 24 /dev/urandom | base64)"
fill_in ordersaga_easypost_api_key "EZTK$(random)"
fill_in ordersaga_easypost_webhook_secret "$(random)"

# May stay empty: no single sign-on, no login at the mail server, metrics that are not scraped, nobody signs in to Temporal's UI.
for name in ordersaga_oidc_client_secret ordersaga_smtp_password metrics_key temporal_ui_client_secret; do
    [ -e "$folder/$name" ] || : >"$folder/$name"
    chmod 644 "$folder/$name"
done
