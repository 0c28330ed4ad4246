#!/usr/bin/env bash
# Fuzzes what is named, or every target, for FUZZ_SECONDS each. What is found on the way is kept outside of the checkout,
# and the next run goes on from there; what breaks a target is left in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

# The fuzzer wants instrumentation that stable compilers have and do not offer.
export RUSTC_BOOTSTRAP=1
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz"
seconds="${FUZZ_SECONDS:-60}"
golden=wire/tests/golden
# Nothing here is unsafe: an address sanitizer would only slow it down.
build=(--sanitizer none)

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2
    exit 1
fi

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(cargo fuzz list)
    cargo fuzz build "${build[@]}"
fi

for target in "${targets[@]}"; do
    found="$CARGO_TARGET_DIR/corpus/$target"
    mkdir -p "$found"
    corpora=("$found")
    for seeds in "fuzz/corpus/$target" \
        "$golden/${target%%_*}s/${target#*_}" "$golden/replies/${target#stream_}" "$golden/replies/${target#reply_}"; do
        if [ -d "$seeds" ]; then corpora+=("$seeds"); fi
    done
    printf '\n== %s, %s s\n' "$target" "$seconds"
    cargo fuzz run "${build[@]}" "$target" "${corpora[@]}" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -verbosity=0 -print_final_stats=1
done
