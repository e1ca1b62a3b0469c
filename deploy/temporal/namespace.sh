#!/bin/sh
# Create ordersaga's namespace and search attributes. Safe to run again.
# Waits for the server to come up, and for each of its nodes to learn of the namespace (some seconds).
# Needs the `temporal` command and TEMPORAL_ADDRESS.
set -eu

: "${TEMPORAL_ADDRESS:?host:port of the Temporal frontend}"
namespace="${TEMPORAL_NAMESPACE:-default}"

patiently() {
    attempts=60
    until said=$("$@" 2>&1); do
        attempts=$((attempts - 1))
        [ "$attempts" -gt 0 ] || { echo "$said" >&2; exit 1; }
        sleep 1
    done
    echo "$said"
}

operator() {
    temporal operator "$@" --address "$TEMPORAL_ADDRESS"
}

patiently operator cluster health
operator namespace describe --namespace "$namespace" >/dev/null 2>&1 ||
    operator namespace create --namespace "$namespace" --retention 720h

while read -r name type; do
    patiently operator search-attribute create --namespace "$namespace" --name "$name" --type "$type"
done <<ATTRIBUTES
OrderStatus Keyword
Seller Keyword
Channel Keyword
Provider KeywordList
Carrier KeywordList
Region Keyword
ShipBy Datetime
Attention KeywordList
AttentionSince Datetime
ATTRIBUTES
