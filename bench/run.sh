#!/usr/bin/env bash
# Measures Weir beside nginx and beside no gateway at all, in one run on one machine, and prints tables in Markdown.
# bench/README.md says what is measured and why so. It needs two cores, nginx, and `weir` built for release:
#
#   make bench                                    everything, about ten minutes
#   ROUNDS=1 TARGETS="nginx weir" bench/run.sh    a shorter look
set -euo pipefail
cd "$(dirname "$0")/.."

: "${ROUNDS:=3}"                    # each target in turn, so many times
: "${TARGETS:=nginx weir direct}"   # `direct` is the mock without a gateway
: "${CLOSED_S:=3}"                  # seconds of each closed loop
: "${RATE_S:=10}"                   # seconds at the fixed rate
: "${STREAMS_S:=5}"                 # seconds of each stream scenario
: "${HOLD_STREAMS:=5000}"           # streams held open at once; 0 leaves this out
: "${RESULTS:=bench/results}"
# shellcheck source=bench/gateways.sh
. bench/gateways.sh
status=0

check_limits() {
    [ "$(ulimit -n)" -ge $((2 * HOLD_STREAMS + 500)) ] ||
        die "$(ulimit -n) open files are too few for $HOLD_STREAMS streams; raise the limit or lower HOLD_STREAMS"
}

stream_body() { # EVENTS INTERVAL_MS
    printf '{"model":"mock-model","stream":true,"x_chunks":%d,"x_interval_ms":%d,' "$1" "$2"
    printf '"messages":[{"role":"user","content":"Tell me a long story about a weir, please."}]}'
}

write_bodies() {
    stream_body 10 20 >"$work/first-event.json"
    stream_body 2000 0 >"$work/saturated.json"
    stream_body 20 1000 >"$work/hold.json"
    # What only the mock knows does not survive a translation: the number of events is in the model's name.
    sed 's/"mock-model"/"mock-claude"/' "$chat_body" >"$work/claude.json"
    stream_body 2000 0 | sed 's/"mock-model"/"mock-claude-2000"/' >"$work/claude-saturated.json"
}

# begin_life TARGET RUN: a fresh gateway, its idle memory noted.
begin_life() {
    start_mock $load_core $mock_port
    "start_$1"
    sleep 1
    local rss_kib
    rss_kib=$(awk '/^VmRSS:/ { print $2 }' "/proc/$watch_pid/status")
    echo "{\"kind\":\"idle\",\"target\":\"$1\",\"rss_kib\":$rss_kib}" >>"$records"
}

# end_life TARGET RUN: stops the gateway, then counts what it wrote down.
end_life() {
    stop "$gateway_pid"
    gateway_pid=
    stop "$mock_pid"
    mock_pid=
    if [ "$1" = weir ]; then
        local rows
        rows=$(MOCK_API_KEY=sk-mock "$WEIR_BIN" usage --json --config "$work/weir.yaml" |
            "$tools/bench-report" calls) || {
            say "the ledger of $2 cannot be read"
            status=1
            return 0
        }
        echo "{\"kind\":\"ledger\",\"run\":\"$2\",\"rows\":$rows}" >>"$records"
        say "ledger of $2: $rows rows"
    fi
}

# load SCENARIO BODY PORT ARGUMENTS...: one measurement of the gateway that runs. Faults are recorded, and told at the
# end.
load() {
    local scenario=$1 body=$2 port=$3
    shift 3
    taskset -c $load_core "$tools/bench-load" "http://127.0.0.1:$port$chat_path" --body "$body" \
        --header "Authorization: Bearer $token" --watch-pid "$watch_pid" --json --label kind=load \
        --label "scenario=$scenario" --label "target=$target" --label "round=$round" --label "run=$run" \
        "$@" >>"$records" || {
        say "faults in $scenario of $target"
        status=1
    }
}

measure_round() {
    local connections
    begin_life "$target"
    for connections in 1 8 32 128; do
        load "closed-$connections" "$chat_body" "$plain_port" --connections $connections --seconds "$CLOSED_S"
    done
    load rate-1000 "$chat_body" "$plain_port" --connections 256 --rate 1000 --seconds "$RATE_S"
    load first-event "$work/first-event.json" "$stream_port" --connections 1000 --rate 200 --events 10 \
        --warmup 1 --seconds "$STREAMS_S"
    load saturated "$work/saturated.json" "$stream_port" --connections 64 --events 2000 --seconds "$STREAMS_S"
    [ "$target" != weir ] || measure_translation
    end_life "$target" "$run"
}

# The same requests in OpenAI's format, answered by a provider that speaks Anthropic's.
measure_translation() {
    local target=weir-translated
    load closed-32 "$work/claude.json" "$plain_port" --connections 32 --seconds "$CLOSED_S"
    load saturated "$work/claude-saturated.json" "$stream_port" --connections 64 --events 2000 --seconds "$STREAMS_S"
}

# A life of its own: memory that earlier scenarios left behind would hide what the streams need.
measure_open_streams() {
    begin_life "$target"
    load hold "$work/hold.json" "$stream_port" --connections "$HOLD_STREAMS" --rate 1000 --requests "$HOLD_STREAMS" \
        --events 20 --warmup 0 --seconds $((HOLD_STREAMS / 1000 + 20))
    end_life "$target" "$run"
}

note_sizes() {
    for target in $TARGETS; do
        local binary
        case $target in
        nginx) binary=$(command -v nginx) ;;
        weir) binary=$WEIR_BIN ;;
        *) continue ;;
        esac
        echo "{\"kind\":\"binary\",\"target\":\"$target\",\"bytes\":$(stat -Lc %s "$binary")}" >>"$records"
    done
}

describe_run() {
    echo "## Measured on $(date -u +%F)"
    echo
    echo "- $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r)"
    echo "- weir $(git describe --always --dirty 2>/dev/null || echo unknown), $(nginx -v 2>&1 | sed 's/.*: //')"
    echo "- $(rustc --version)"
    echo "- $ROUNDS rounds of: $TARGETS; a cell is the best round and (the median)"
    echo "- load average before: $load_before"
    echo
}

check_machine "$TARGETS"
check_limits
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
cargo build --release --quiet --package weir-bench
mkdir -p "$RESULTS"
records=$RESULTS/latest.jsonl
: >"$records"
write_configurations
write_bodies
note_sizes
keep_load_core_awake
for ((round = 1; round <= ROUNDS; round++)); do
    for target in $TARGETS; do
        run=$target-$round
        measure_round
    done
done
if [ "$HOLD_STREAMS" -gt 0 ]; then
    round=1
    for target in $TARGETS; do
        [ "$target" != direct ] || continue
        run=$target-open-streams
        measure_open_streams
    done
fi
describe_run >"$RESULTS/latest.md"
"$tools/bench-report" tables "$records" >>"$RESULTS/latest.md" || status=1
cat "$RESULTS/latest.md"
exit $status
