#!/usr/bin/env bash
# Everything that must hold before a change lands, step by step, with the time each took.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzz_seconds=${FUZZ_SECONDS:-60}
summary=()

# The pinned toolchain, or the one called stable where that is the same release and the pinned name is not installed.
pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
if command -v rustup >/dev/null && ! rustup toolchain list | grep -q "^$pinned-"; then
    if rustup run stable rustc --version 2>/dev/null | grep -qF "rustc $pinned "; then
        export RUSTUP_TOOLCHAIN=stable
    fi
fi

step() {
    local name=$1
    shift
    echo
    echo "== $name: $*"
    local begin=$SECONDS
    if ! "$@"; then
        echo "== $name FAILED after $((SECONDS - begin)) s"
        exit 1
    fi
    echo "== $name took $((SECONDS - begin)) s"
    summary+=("$(printf '%6d s  %s' $((SECONDS - begin)) "$name")")
}

step setup scripts/setup-tests.sh
# A stack that runs already is used, and left.
scripts/stack.sh healthy || trap 'scripts/stack.sh down' EXIT
step stack scripts/stack.sh up
step format cargo fmt --all --check
step lint cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
# No test of `make test`, so not among all targets.
step lint-faults cargo clippy -p onedoor-tests --test faults --locked --quiet -- -D warnings
step build cargo build --locked --quiet --bin onedoor
export ONEDOOR_BIN=$PWD/target/debug/onedoor
step test cargo test --workspace --locked --quiet
step fuzz gateway/wire/fuzz/run.sh "$fuzz_seconds"

echo
echo "All passed:"
printf '%s\n' "${summary[@]}"
printf '%6d s  together\n' $SECONDS
