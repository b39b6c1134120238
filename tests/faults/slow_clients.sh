#!/usr/bin/env bash
# tests/faults/slow_clients.sh [MLHOST]: slowhttptest's four attacks (Slowloris, slow body, range, slow read) against a server
# with default limits, and meanwhile a client that asks every half second and has to be answered within five. MLHOST is the
# program, target/debug/mlhost unless told otherwise.
#
# Needs curl, and slowhttptest: where none is installed and the machine has apt, Debian's is unpacked under the target
# directory. Where there is neither, it says so in capitals and ends with 77: nothing was checked.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/mlhost}")
tools=${CARGO_TARGET_DIR:-target}/tools/slowhttptest

# Unpacks the package into $tools, with lists and a cache of apt's own: nothing is installed, and nobody need be root.
unpack() {
    command -v apt-get >/dev/null || return 0
    mkdir -p "$tools/lists/partial" "$tools/cache/archives/partial"
    local options=("-oDir::State::Lists=$(realpath "$tools/lists")" "-oDir::Cache=$(realpath "$tools/cache")" -oAPT::Sandbox::User=
        -oAcquire::Languages=none -qq)
    apt-get "${options[@]}" --error-on=any update || return 0
    (cd "$tools" && apt-get "${options[@]}" download slowhttptest && dpkg -x slowhttptest_*.deb .) || return 0
    rm -rf "$tools/lists" "$tools/cache"
}
command -v slowhttptest >/dev/null || [ -x "$tools/usr/bin/slowhttptest" ] || unpack
PATH=$PATH:$(realpath -m "$tools/usr/bin")
for tool in slowhttptest curl; do
    # A tool that is not there, or lacks a library of its own, ends with 126 or 127.
    status=0
    "$tool" -h >/dev/null 2>&1 || status=$?
    [ "$status" -lt 126 ] || { echo "NOTHING OF tests/faults/slow_clients.sh CAN RUN HERE: there is no $tool that starts"; exit 77; }
done
ulimit -n "$(ulimit -H -n)"
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

"$program" serve -m models/echo --port 0 --log-format json >"$work/out" 2>"$work/log" &
server=$!
for _ in $(seq 100); do [ -s "$work/out" ] && break; sleep 0.1; done
url=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$work/out")
[ -n "$url" ] || { cat "$work/log"; echo "FAILED: no ready line"; exit 1; }
row='{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}'

# Asks until there is a file `stop`, then says how many were answered, how many not, and the longest that one took.
ask() {
    local asked=0 unanswered=0 longest=0 answer
    while [ ! -e "$work/stop" ]; do
        asked=$((asked + 1))
        if answer=$(curl -s -o /dev/null -m 5 -w '%{http_code} %{time_total}' -H 'Content-Type: application/json' -d "$row" "$url/invocations") &&
            [ "${answer% *}" = 200 ]; then
            longest=$(printf '%s\n' "$longest" "${answer#* }" | sort -g | tail -1)
        else
            unanswered=$((unanswered + 1))
        fi
        sleep 0.5
    done
    echo "$asked $unanswered $longest"
}

failed=0
# NAME CONNECTIONS, and slowhttptest's own flags.
attack() {
    local name=$1 connections=$2
    shift 2
    rm -f "$work/stop"
    ask >"$work/asked" &
    local asking=$!
    slowhttptest -c "$connections" -r 400 -l 20 -i 5 -p 5 "$@" >"$work/attack" 2>&1 || true
    touch "$work/stop"
    wait "$asking"
    read -r asked unanswered longest <"$work/asked"
    local rss
    rss=$(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$server/status")
    printf '%-12s %5d connections: %3d asked, %d unanswered, longest %s s; most memory so far %d MiB\n' \
        "$name" "$connections" "$asked" "$unanswered" "$longest" "$rss"
    if [ "$unanswered" != 0 ] || [ "$asked" -lt 2 ]; then
        failed=1
        tail -20 "$work/attack"
    fi
}

attack slow-heads 2000 -H -u "$url/ping"
attack slow-bodies 900 -B -u "$url/invocations" -f application/json -s 8192
attack ranges 900 -R -u "$url/ping"
attack slow-reads 900 -X -u "$url/metrics" -k 3 -n 5 -w 1 -y 64 -z 5
kill -0 "$server" || { failed=1; echo "the server is gone"; }
if [ "$failed" = 0 ]; then echo "slow clients: harmless"; else echo "FAILED: slow clients kept others waiting"; exit 1; fi
