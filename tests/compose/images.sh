#!/usr/bin/env bash
# Stand-ins for the images that docker-compose.yml names, for machines that can pull none: made of Debian's packages, Maven Central's
# jars and Go modules, under the official names and tags, behaving like the official ones as far as the composition uses them.
# What is there already is left alone.
#
#   tests/compose/images.sh IMAGE...     with DOCKER_HOST
set -euo pipefail
cd "$(dirname "$0")/../.."

images=tests/compose/images
cache=tests/compose/.cache
collector=v0.145.0

die() {
    echo "images: $*" >&2
    exit 1
}

there() {
    docker image inspect "$1" >/dev/null 2>&1
}

# Debian as mmdebstrap makes it; everything but the collector begins with it.
debian() {
    echo "images: debian:bookworm-slim"
    mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm - http://deb.debian.org/debian |
        docker import --change 'CMD ["bash"]' - debian:bookworm-slim >/dev/null
}

# build IMAGE RECIPE [TAR OPTION...]: the recipe's folder, and what tar is told to put beside it.
build() {
    local image=$1 recipe=$2 said
    shift 2
    there debian:bookworm-slim || debian
    echo "images: $image"
    # Packages come from Debian, so the build has the host's network.
    said=$(tar -c -C "$images/$recipe" . "$@" |
        DOCKER_BUILDKIT=0 docker build --network host --force-rm --tag "$image" - 2>&1) || die "$image: $said"
}

kafka() {
    scripts/stack.sh fetch
    build "$1" kafka -C "$PWD/scripts/stack" log4j2.properties -C "$PWD/.stack" --transform 's,^kafka-4.4.0,libs,' kafka-4.4.0
}

keycloak() {
    local home name
    home=$(scripts/keycloak.sh)
    name=$(basename "$home")
    build "$1" keycloak -C "$(dirname "$home")" --exclude "$name/data" --transform "s,^$name,keycloak," "$name"
}

collector() {
    local folder=$cache/collector
    if [ ! -x $folder/src/otelcol ]; then
        mkdir -p $folder/src
        cp $images/collector/builder.yaml $folder/src/
        GOBIN=$PWD/$folder go install go.opentelemetry.io/collector/cmd/builder@$collector
        (cd $folder/src && CGO_ENABLED=0 ../builder --config builder.yaml)
    fi
    build "$1" collector -C "$PWD/$folder/src" otelcol
}

for image; do
    there "$image" && continue
    case $image in
    debian:bookworm-slim) debian ;;
    gcr.io/distroless/cc-debian12:*) build "$image" distroless ;;
    apache/kafka:*) kafka "$image" ;;
    postgres:*) build "$image" postgres ;;
    redis:*) build "$image" redis ;;
    haproxy:*) build "$image" haproxy ;;
    prom/prometheus:*) build "$image" prometheus ;;
    otel/opentelemetry-collector:*) collector "$image" ;;
    quay.io/keycloak/keycloak:*) keycloak "$image" ;;
    *) die "there is no recipe for $image" ;;
    esac
done
