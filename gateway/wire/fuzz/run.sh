#!/bin/sh
# Builds all fuzz targets and runs them side by side for so many seconds: run.sh SECONDS
# Works on stable Rust: coverage comes from LLVM's own pass, and safe code needs no sanitizer. Needs a C++ compiler.
set -eu

seconds=${1:?usage: run.sh SECONDS}
cd "$(dirname "$0")"
host=$(rustc -vV | sed -n 's/^host: //p')

# With --target, build scripts and macros are not instrumented.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1" \
    cargo build --quiet --locked --release --target "$host" --target-dir target

pids=
trap 'kill $pids; exit 130' INT TERM
for name in envelope session token; do
    mkdir -p "target/corpus/$name" "target/crashes/$name"
    "target/$host/release/$name" \
        -max_total_time="$seconds" -max_len=2048 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -dict="seeds/$name.dict" \
        -artifact_prefix="target/crashes/$name/" "target/corpus/$name" "seeds/$name" \
        >"target/$name.log" 2>&1 &
    pids="$pids $!"
    eval "pid_$name=$!"
done

failed=0
for name in envelope session token; do
    log=target/$name.log
    eval "pid=\$pid_$name"
    if ! wait "$pid"; then
        failed=1
        echo "fuzz $name: FAILED, input in gateway/wire/fuzz/target/crashes/$name"
        tail -n 40 "$log"
        continue
    fi
    # A target that ran blind, or hardly at all, has shown nothing.
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if ! grep -q 'inline 8-bit counters' "$log" || [ "${runs:-0}" -lt $((seconds * 100)) ]; then
        failed=1
        echo "fuzz $name: FAILED, no coverage or only ${runs:-0} runs"
        continue
    fi
    kept=$(find "target/corpus/$name" -type f | wc -l)
    echo "fuzz $name: ok, $runs runs in ${seconds}s, $kept inputs kept"
done
exit $failed
