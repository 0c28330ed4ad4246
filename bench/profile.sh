#!/usr/bin/env bash
# Where a gateway's time goes while 32 connections keep it busy: its hottest functions (perf) and its system calls for
# each request (strace).
#
#   bench/profile.sh            weir, built anew with its symbols
#   bench/profile.sh nginx      for comparison
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1:-weir}
: "${SECONDS_OF_LOAD:=10}"
: "${SYMBOLS:=40}" # how many functions to print

# The released binary has no symbols. Its profile keeps them, and is otherwise the same build.
if [ "$target" = weir ] && [ -z "${WEIR_BIN:-}" ]; then
    export CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=line-tables-only
    cargo build --release --package weir --bin weir --target-dir "${CARGO_TARGET_DIR:-$PWD/target}/profile"
    unset CARGO_PROFILE_RELEASE_STRIP CARGO_PROFILE_RELEASE_DEBUG
    WEIR_BIN=${CARGO_TARGET_DIR:-$PWD/target}/profile/release/weir
fi
# shellcheck source=bench/gateways.sh
. bench/gateways.sh

# load SECONDS: keeps 32 connections busy. JSON goes to standard output, the line for people to standard error.
load() {
    taskset -c $load_core "$tools/bench-load" "http://127.0.0.1:$plain_port$chat_path" --body "$chat_body" \
        --header "Authorization: Bearer $token" --connections 32 --warmup 0 --seconds "$1" \
        --watch-pid "$watch_pid" --json
}

# Virtual machines often have no cycle counter to sample by; the CPU clock is there always.
print_functions() {
    local load_pid
    load "$SECONDS_OF_LOAD" >/dev/null &
    load_pid=$!
    perf record --quiet --event cpu-clock --freq 1999 --pid "$watch_pid" --output "$work/perf.data" -- \
        sleep "$((SECONDS_OF_LOAD - 2))" >&2 || say "perf record failed"
    wait "$load_pid"
    echo "## Hottest functions of $target"
    perf report --stdio --input "$work/perf.data" --sort dso,symbol --percent-limit 0.3 2>/dev/null |
        awk -v most="$SYMBOLS" '/^[^#]/ && printed++ < most { sub(/[- ]+$/, ""); print }'
}

print_system_calls() {
    local strace_pid sent
    strace -c -f -q -p "$watch_pid" -o "$work/strace.txt" &
    strace_pid=$!
    sleep 1
    sent=$(load 3 | sed 's/.*"sent":\([0-9]*\).*/\1/')
    kill -INT "$strace_pid"
    wait "$strace_pid" || true
    echo "## System calls of $target for each of $sent requests"
    # The count is the fourth column and the name the last; errors between them are often left out.
    awk -v sent="$sent" '$4 ~ /^[0-9]+$/ && $NF != "total" { printf "%8.3f  %s\n", $4 / sent, $NF }' "$work/strace.txt" |
        sort -rn
}

check_machine "$target"
cargo build --release --quiet --package weir-bench
write_configurations
start_mock $load_core $mock_port
"start_$target"
if command -v perf >/dev/null; then print_functions; else say "perf is missing (Debian: linux-perf): no functions"; fi
if command -v strace >/dev/null; then print_system_calls; else say "strace is missing: no system calls"; fi
