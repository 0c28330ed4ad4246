# Sourced by run.sh and profile.sh: starts the mock and what is measured, each on its core, and stops them again.
# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts that source this

: "${CARGO_TARGET_DIR:=$PWD/target}"
: "${WEIR_BIN:=$CARGO_TARGET_DIR/release/weir}"
WEIR_BIN=$(realpath -m "$WEIR_BIN")
# Weir would take it for one of its settings, and warn.
export -n WEIR_BIN
export CARGO_TARGET_DIR

readonly load_core=0 gateway_core=1
readonly mock_port=19000 direct_port=19001 weir_port=18080 weir_ops_port=18081 nginx_port=18090 nginx_stream_port=18091
# It opens nothing but the gateways that are started here.
readonly token=sk-weir-benchbenchbench2-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8
readonly chat_path=/v1/chat/completions
readonly chat_body=bench/bodies/chat.json
readonly tools=$CARGO_TARGET_DIR/release
work=$(mktemp -d)
gateway_pid=
mock_pid=
awake_pid=

cleanup() {
    stop "$gateway_pid"
    stop "$mock_pid"
    stop "$awake_pid"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '%s\n' "$*" >&2; }

die() {
    say "bench: $*"
    exit 1
}

# stop PID: ends a process of ours and waits for it, so that what it holds is on disk.
stop() {
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# Keeps the load's core from halting, at a priority that takes no time from anything. To wake a halted core of a virtual
# machine costs several microseconds, paid by whoever sends: a fast gateway keeps the load busy and never pays it, a slower
# one pays it at each packet, and the comparison would be of that.
keep_load_core_awake() {
    taskset -c $load_core chrt --idle 0 sh -c 'while :; do :; done' &
    awake_pid=$!
}

# wait_for WHAT COMMAND...: until the command succeeds, for 20 s at most.
wait_for() {
    local what=$1 tries
    shift
    for ((tries = 0; tries < 200; tries++)); do
        if "$@" 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    tail -n 20 "$work"/*.log "$work"/nginx/*.log >&2 2>/dev/null || true
    die "$what did not start"
}

# Somebody else's listener would be measured in place of ours.
need_free() {
    if can_connect "$1" 2>/dev/null; then die "port $1 is taken; end what listens there"; fi
}

can_connect() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
has_child() { [ -n "$(pgrep -P "$1")" ]; }

check_machine() { # TARGETS
    [ "$(nproc)" -ge 2 ] || die "two cores are needed: one for the gateway, one for the load and the mock"
    command -v taskset >/dev/null || die "taskset is missing (Debian: util-linux)"
    command -v chrt >/dev/null || die "chrt is missing (Debian: util-linux)"
    case " $1 " in *" nginx "*) command -v nginx >/dev/null || die "nginx is missing (Debian: nginx-light)" ;; esac
    case " $1 " in *" weir "*) [ -x "$WEIR_BIN" ] || die "$WEIR_BIN is missing; run make bench" ;; esac
    # A gateway needs two descriptors for each open stream.
    ulimit -n "$(ulimit -Hn)"
}

write_configurations() {
    mkdir -p "$work/nginx"
    # The workers of a master that runs as root would not get at the folders below.
    [ "$(id -u)" != 0 ] || echo 'user root;' >"$work/nginx/nginx.conf"
    cat >>"$work/nginx/nginx.conf" <<EOF
daemon off;
worker_processes 1;
worker_rlimit_nofile $(ulimit -n);
pid $work/nginx/nginx.pid;
error_log $work/nginx/error.log;
events { worker_connections $(ulimit -n); }
http {
    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    scgi_temp_path $work/nginx/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream mock {
        server 127.0.0.1:$mock_port;
        keepalive 512;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:$nginx_port backlog=4096;
        location / { proxy_pass http://mock; }
    }
    server {
        listen 127.0.0.1:$nginx_stream_port backlog=4096;
        location / { proxy_pass http://mock; proxy_buffering off; }
    }
}
EOF
    cat >"$work/weir.yaml" <<EOF
server:
  listen: "127.0.0.1:$weir_port"
  ops_listen: "127.0.0.1:$weir_ops_port"
  workers: 1
  connections_per_ip: 20000
  max_connections: 40000
data_dir: $work/data
providers:
  mock:
    base_url: "http://127.0.0.1:$mock_port/v1"
    auth: bearer
    key_env: MOCK_API_KEY
    models: ["mock-model"]
  claude:
    base_url: "http://127.0.0.1:$mock_port/v1"
    auth: x-api-key
    key_env: MOCK_API_KEY
    formats: [anthropic]
    models: ["mock-claude*"]
prices:
  claude:
    "mock-claude*": {input: "1.00", output: "2.00", context_tokens: 128000, max_output_tokens: 4096}
  mock:
    "mock-model": {input: "1.00", output: "2.00", context_tokens: 128000, max_output_tokens: 4096}
limits:
  token: {requests_per_minute: 100000000, concurrent: 100000}
  user: {requests_per_minute: 100000000, concurrent: 100000}
EOF
}

# start_mock CORE PORT
start_mock() {
    need_free "$2"
    taskset -c "$1" "$tools/bench-mock" --listen "127.0.0.1:$2" >/dev/null &
    mock_pid=$!
    wait_for bench-mock can_connect "$2"
}

# Each start_TARGET sets gateway_pid (to stop), watch_pid (to measure), plain_port and stream_port.
start_direct() {
    # The mock takes the gateway's place and core.
    stop "$mock_pid"
    start_mock $gateway_core $direct_port
    gateway_pid='' watch_pid=$mock_pid plain_port=$direct_port stream_port=$direct_port
}

start_nginx() {
    need_free $nginx_port
    taskset -c $gateway_core nginx -p "$work/nginx/" -c "$work/nginx/nginx.conf" 2>"$work/nginx/start.log" &
    gateway_pid=$!
    wait_for nginx can_connect $nginx_stream_port
    wait_for "nginx's worker" has_child "$gateway_pid"
    watch_pid=$(pgrep -P "$gateway_pid") plain_port=$nginx_port stream_port=$nginx_stream_port
}

start_weir() {
    need_free $weir_port
    rm -rf "$work/data" "$work/ready"
    mkdir -p "$work/data"
    MOCK_API_KEY=sk-mock WEIR_ADMIN_TOKEN=$token WEIR_READY_FILE=$work/ready \
        taskset -c $gateway_core "$WEIR_BIN" serve --config "$work/weir.yaml" >>"$work/weir.log" 2>&1 &
    gateway_pid=$!
    wait_for weir test -s "$work/ready"
    watch_pid=$gateway_pid plain_port=$weir_port stream_port=$weir_port
}

