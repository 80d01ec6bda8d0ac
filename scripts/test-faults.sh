#!/usr/bin/env bash
# The fault suite, one test at a time. Arguments choose tests, as `cargo test` takes them.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup-tests.sh
scripts/stack.sh healthy || trap 'scripts/stack.sh down' EXIT
scripts/stack.sh up

# The negative control: the same door without its lease.
cargo build --locked --quiet --bin onedoor --features lease-off
install -D target/debug/onedoor target/lease-off/onedoor
cargo build --locked --quiet --bin onedoor
# What is measured: a `dist` build, where one is named.
export ONEDOOR_BIN=${ONEDOOR_BIN:-$PWD/target/debug/onedoor}
cargo test --locked --quiet -p onedoor-tests --test faults -- --test-threads=1 --nocapture "$@"
