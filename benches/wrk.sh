#!/usr/bin/env bash
# Two whole servers under the same load, in turns: the iris sample with its code in a fresh sandbox for every request,
# and the same graph served natively. Prints requests a second, latency, CPU time a request, memory, and the ratio.
#
#   benches/wrk.sh [SECONDS]      CONNECTIONS="1 32" ROWS="1 100" ROUNDS=3 benches/wrk.sh 5
#
# Needs wrk (Debian: apt-get install wrk) and ORT_DYLIB_PATH or a fetched runtime. Quote ratios: machines are noisy.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-5}
rounds=${ROUNDS:-3}
port=${PORT:-5870}
target=${CARGO_TARGET_DIR:-target}

command -v wrk >/dev/null || {
    echo "error: wrk is not installed" >&2
    echo "hint: apt-get install wrk" >&2
    exit 1
}
cargo build --release --locked --quiet --package mlhost
mlhost=$target/release/mlhost
ORT_DYLIB_PATH=${ORT_DYLIB_PATH:-$("$mlhost" fetch-runtime)}
export ORT_DYLIB_PATH

work=$(mktemp -d)
pids=()
stop() {
    kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

# body ROWS FACTOR: millimetres for the guest, centimetres for the bare graph.
body() {
    awk -v rows="$1" -v factor="$2" 'BEGIN {
        printf "{\"dataframe_split\": {\"columns\": [\"sepal_length\", \"sepal_width\", \"petal_length\", \"petal_width\"], \"data\": ["
        for (row = 0; row < rows; row++)
            printf "%s[%.1f, %.1f, %.1f, %.1f]", (row ? ", " : ""), 51 * factor, 35 * factor, 14 * factor, 2 * factor
        print "]}}"
    }'
}

# script BODY: what wrk sends; an answer that is not 200 is counted and reported.
script() {
    cat <<LUA
local file = io.open("$1"); local body = file:read("*a"); file:close()
wrk.method = "POST"; wrk.body = body; wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency)
    local failed = summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout
    io.write(string.format("RESULT %d %.1f %.1f %.1f %d\n", summary.requests, summary.duration / 1e6,
        latency:percentile(50), latency:percentile(99), failed))
end
LUA
}

serve() {
    local name=$1
    shift
    "$mlhost" serve --port "$port" "$@" >"$work/$name.out" 2>"$work/$name.log" &
    pids+=($!)
    echo $! >"$work/$name.pid"
    echo "$port" >"$work/$name.port"
    for _ in $(seq 200); do
        grep -q ready "$work/$name.out" && break
        sleep 0.05
    done
    grep -q ready "$work/$name.out" || { cat "$work/$name.log" >&2; exit 1; }
    port=$((port + 1))
}

ticks() {
    awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

memory() {
    awk -v key="$2:" '$1 == key { printf "%.0f", $2 / 1024 }' "/proc/$1/status"
}

# measure NAME BODY CONNECTIONS: one line into the results.
measure() {
    local pid before after result
    pid=$(cat "$work/$1.pid")
    script "$2" >"$work/wrk.lua"
    before=$(ticks "$pid")
    result=$(wrk -t1 -c"$3" -d"${seconds}s" -s "$work/wrk.lua" "http://127.0.0.1:$(cat "$work/$1.port")/invocations" |
        awk '/^RESULT/ { $1 = ""; print }')
    after=$(ticks "$pid")
    echo "$result $((after - before)) $(getconf CLK_TCK)" >>"$work/results.$1"
}

# The median round by CPU time a request: the steadiest figure.
median() {
    awk '{ printf "%.3f %.0f %.0f %.0f %d\n", $6 / $7 * 1e6 / $1, $1 / $2, $3, $4, $5 }' "$work/results.$1" |
        sort -n | awk '{ line[NR] = $0 } END { print line[int((NR + 1) / 2)] }'
}

serve sandboxed -m models/iris
serve native --model models/iris/iris.onnx
echo "memory before: sandboxed $(memory "$(cat "$work/sandboxed.pid")" VmRSS) MB," \
    "native $(memory "$(cat "$work/native.pid")" VmRSS) MB"
printf '%-5s %-12s %-10s %10s %9s %9s %12s %7s\n' rows connections server requests/s 'p50 us' 'p99 us' 'CPU us/req' errors
for rows in ${ROWS:-1 100}; do
    body "$rows" 1 >"$work/sandboxed.json"
    body "$rows" 0.1 >"$work/native.json"
    for connections in ${CONNECTIONS:-1 32}; do
        rm -f "$work"/results.*
        for _ in $(seq "$rounds"); do
            for name in sandboxed native; do measure "$name" "$work/$name.json" "$connections"; done
        done
        for name in sandboxed native; do
            read -r cpu rate p50 p99 errors <<<"$(median "$name")"
            printf '%-5s %-12s %-10s %10s %9s %9s %12.1f %7s\n' "$rows" "$connections" "$name" "$rate" "$p50" "$p99" "$cpu" "$errors"
            echo "$cpu $rate $p50" >"$work/ratio.$name"
        done
        paste -d' ' "$work/ratio.sandboxed" "$work/ratio.native" |
            awk '{ printf "%-18s %-10s %10.2f %9.2f %9s %12.2f\n", "", "ratio", $2 / $5, $3 / $6, "", $1 / $4 }'
    done
done
echo "memory peak: sandboxed $(memory "$(cat "$work/sandboxed.pid")" VmHWM) MB," \
    "native $(memory "$(cat "$work/native.pid")" VmHWM) MB"
