#!/usr/bin/env bash
# How many instructions each stage of a request takes, counted by valgrind: a figure without noise, so that a change of one
# percent shows on any machine. Time is not in it: neither caches nor the kernel's part, such as giving pages back.
#
#   benches/instructions.sh [STAGE...]     COUNTS="200 400" benches/instructions.sh native sandboxed
#
# Runs benches/hot_path.rs with two counts and prints the difference for one request: start-up and compiling cancel out.
# Needs valgrind (Debian: apt-get install valgrind) and ORT_DYLIB_PATH or a fetched runtime.
set -euo pipefail
cd "$(dirname "$0")/.."

read -r few many <<<"${COUNTS:-200 400}"
stages=("$@")
[ $# -gt 0 ] || stages=(decode encode graph echo native sandboxed)
target=${CARGO_TARGET_DIR:-target}

command -v valgrind >/dev/null || {
    echo "error: valgrind is not installed" >&2
    echo "hint: apt-get install valgrind" >&2
    exit 1
}
# The last line of JSON that names an executable is the benchmark's.
driver=$(cargo bench --locked --package mlhost --bench hot_path --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*hot_path[^"]*\)".*/\1/p' | tail -n 1)
if [ -z "${ORT_DYLIB_PATH:-}" ]; then
    cargo build --release --locked --quiet --package mlhost
    ORT_DYLIB_PATH=$("$target/release/mlhost" fetch-runtime)
fi
export ORT_DYLIB_PATH
# One thread compiles: how several share the work is not the same twice.
export RAYON_NUM_THREADS=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# instructions STAGE COUNT
instructions() {
    timeout 900 valgrind --tool=callgrind --callgrind-out-file="$work/out" --log-file="$work/log" \
        "$driver" "$1" "$2" >&2 || {
        tail -n 20 "$work/log" >&2
        return 1
    }
    awk '/^summary:|^totals:/ { print $2; exit }' "$work/out"
}

missed=()
printf '%-10s %14s\n' stage instructions
for stage in "${stages[@]}"; do
    if less=$(instructions "$stage" "$few") && more=$(instructions "$stage" "$many"); then
        printf '%-10s %14d\n' "$stage" $(((more - less) / (many - few)))
    else
        missed+=("$stage")
    fi
done
if [ ${#missed[@]} -gt 0 ]; then
    echo "!!! NOT counted, because valgrind cannot run them: ${missed[*]}" >&2
    exit 1
fi
