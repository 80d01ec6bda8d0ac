#!/usr/bin/env bash
# Follows docs/serve.md with a real Keycloak. The first run fetches Keycloak from Maven Central, 177 MB, into tests/.keycloak.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=26.7.3
home=tests/.keycloak
keycloak=$home/keycloak-$version

for tool in java mvn unzip openssl curl jq; do
    command -v $tool >/dev/null || { echo "serve-test: $tool is missing" >&2; exit 1; }
done
scripts/setup-tests.sh
if [ ! -f $keycloak/built ]; then
    echo "serve-test: fetching and preparing Keycloak $version"
    mkdir -p $home
    mvn -B -q -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory=$home
    unzip -q -o $home/keycloak-quarkus-dist-$version.zip -d $home
    rm $home/keycloak-quarkus-dist-$version.zip
    $keycloak/bin/kc.sh build --db=dev-file --health-enabled=true >$home/build.log
    touch $keycloak/built
fi
if [ -z "${ONEDOOR_BIN:-}" ]; then
    cargo build --locked --quiet --bin onedoor
    export ONEDOOR_BIN=$PWD/target/debug/onedoor
fi
exec tests/.venv/bin/python tests/serve/run.py $keycloak
