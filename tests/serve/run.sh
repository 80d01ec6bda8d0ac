#!/usr/bin/env bash
# Follows docs/serve.md with a real Keycloak, which the first run fetches and prepares.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in openssl curl jq; do
    command -v $tool >/dev/null || { echo "serve-test: $tool is missing" >&2; exit 1; }
done
scripts/setup-tests.sh
keycloak=$(scripts/keycloak.sh)
if [ ! -f "$keycloak/built" ]; then
    echo "serve-test: preparing Keycloak"
    "$keycloak/bin/kc.sh" build --db=dev-file --health-enabled=true >"$keycloak/build.log" ||
        { tail -n 20 "$keycloak/build.log" >&2; exit 1; }
    touch "$keycloak/built"
fi
if [ -z "${ONEDOOR_BIN:-}" ]; then
    cargo build --locked --quiet --bin onedoor
    export ONEDOOR_BIN=$PWD/target/debug/onedoor
fi
exec tests/.venv/bin/python tests/serve/run.py "$keycloak"
