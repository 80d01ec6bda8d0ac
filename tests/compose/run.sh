#!/usr/bin/env bash
# Brings up docker-compose.yml as docs/compose.md says, and uses it. Where there is no container engine, Debian's is started for the
# time of the test, and Compose is built from Go (3 minutes); images that cannot be pulled are made (3 minutes). All that is kept in
# tests/compose/.cache.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/apt.sh

cache=$PWD/tests/compose/.cache
compose=v2.40.3

die() {
    echo "compose-test: $*" >&2
    exit 1
}

# Debian's engine, for the time of the test, with a folder of its own. It needs root.
start_engine() {
    [ "$(id -u)" = 0 ] || die "no container engine answers, and only root can start one"
    command -v dockerd >/dev/null || apt_install docker.io iptables || die "cannot go on without an engine"
    run=$(mktemp -d /tmp/onedoor-engine.XXXXXX)
    export DOCKER_HOST=unix://$run/docker.sock
    dockerd --host "$DOCKER_HOST" --data-root "$cache/engine" --exec-root "$run/exec" --pidfile "$run/pid" >"$run/log" 2>&1 &
    engine=$!
    trap stop_engine EXIT
    for _ in $(seq 300); do
        ! docker info >/dev/null 2>&1 || return 0
        kill -0 $engine 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$run/log" >&2
    die "the engine did not start"
}

stop_engine() {
    kill $engine 2>/dev/null || true
    wait $engine 2>/dev/null || true
    # A container on the host's network (images are made in one) leaves this mounted.
    umount "$run/exec/netns/default" 2>/dev/null || true
    rm -rf "$run"
}

# Compose as the client's plugin, from its Go module.
build_compose() {
    local source=$cache/compose-source
    command -v go >/dev/null || die "there is no \`docker compose\`, and no Go to build it with"
    echo "compose-test: building Compose $compose"
    mkdir -p "$source" "$cache/docker/cli-plugins"
    cat >"$source/go.mod" <<MOD
module onedoor.dev/compose
go 1.24
require github.com/docker/compose/v2 $compose
MOD
    # Imported, so that its dependencies are chosen as its own go.mod says.
    printf '//go:build tools\n\npackage tools\n\nimport _ "github.com/docker/compose/v2/cmd"\n' >"$source/tools.go"
    (cd "$source" && go mod tidy && nice -n 10 go build -trimpath \
        -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$compose" \
        -o "$cache/docker/cli-plugins/docker-compose" github.com/docker/compose/v2/cmd) >"$cache/compose.log" 2>&1 ||
        die "Compose could not be built; see $cache/compose.log"
}

# Pulled, or else made.
have_images() {
    local image missing=()
    for image in "$@"; do
        docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null 2>&1 || missing+=("$image")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v mmdebstrap >/dev/null || apt_install mmdebstrap || die "cannot make images without mmdebstrap"
    tests/compose/images.sh "${missing[@]}"
}

# The image of this tree's binary.
build_onedoor() {
    if [ -z "${ONEDOOR_BIN:-}" ]; then
        cargo build --locked --quiet --bin onedoor
        ONEDOOR_BIN=$PWD/target/debug/onedoor
    fi
    local context
    context=$(mktemp -d)
    mkdir -p "$context/state/onedoor/keys"
    strip -o "$context/onedoor" "$ONEDOOR_BIN"
    local said before
    before=$(docker image inspect --format '{{.Id}}' "$ONEDOOR_IMAGE" 2>/dev/null || true)
    said=$(DOCKER_BUILDKIT=0 docker build --tag "$ONEDOOR_IMAGE" --target prebuilt --file Dockerfile "$context" 2>&1) || die "$said"
    rm -rf "$context"
    if [ -n "$before" ] && [ "$before" != "$(docker image inspect --format '{{.Id}}' "$ONEDOOR_IMAGE")" ]; then
        docker image rm "$before" >/dev/null
    fi
}

mkdir -p "$cache"
scripts/setup-tests.sh
docker info >/dev/null 2>&1 || start_engine
if ! docker compose version >/dev/null 2>&1; then
    export DOCKER_CONFIG=$cache/docker
    [ -x "$DOCKER_CONFIG/cli-plugins/docker-compose" ] || build_compose
fi
export COMPOSE_FILE=docker-compose.yml:tests/compose/override.yml COMPOSE_PROJECT_NAME=onedoor-test ONEDOOR_IMAGE=onedoor-test
deploy/compose/secrets.sh
# shellcheck disable=SC2046 # images are words
have_images gcr.io/distroless/cc-debian12:nonroot $(docker compose config --images | grep -vx "$ONEDOOR_IMAGE")
build_onedoor
tests/.venv/bin/python tests/compose/run.py
