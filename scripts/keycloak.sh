#!/usr/bin/env bash
# Fetches Keycloak from Maven Central (177 MB) into tests/.keycloak/ where it is not there yet, and says where it is.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

version=26.7.3
sha256=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f
folder=$PWD/tests/.keycloak
home=$folder/keycloak-$version

die() {
    echo "keycloak: $*" >&2
    exit 1
}

fetch() {
    local missing=() zip=$folder/part/keycloak-quarkus-dist-$version.zip
    command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
    command -v mvn >/dev/null || missing+=(maven)
    command -v unzip >/dev/null || missing+=(unzip)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}" || die "cannot go on without ${missing[*]}"
    echo "keycloak: fetching $version from Maven Central"
    rm -rf "$folder/part"
    mkdir -p "$folder/part"
    mvn -B -q -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip "-DoutputDirectory=$folder/part" || die "Maven could not fetch it"
    sha256sum --quiet --check --strict - <<<"$sha256  $zip" || die "what was fetched is not what this script's checksum says"
    unzip -q "$zip" -d "$folder/part"
    mv "$folder/part/keycloak-$version" "$home"
    rm -r "$folder/part"
}

[ -d "$home" ] || fetch >&2
echo "$home"
