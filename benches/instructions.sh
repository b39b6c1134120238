#!/usr/bin/env bash
# How many instructions each stage of a request takes, counted by valgrind: a figure without noise, so that a change of one
# percent shows on any machine. Time is not in it: neither caches nor the kernel's part, such as giving pages back.
#
#   benches/instructions.sh [STAGE...]     COUNT=1000 benches/instructions.sh native sandboxed
#
# Runs benches/hot_path.rs, which has valgrind count its loop alone: neither loading nor compiling is in the figures.
# Needs x86_64, valgrind (Debian: apt-get install valgrind) and a fetched ONNX Runtime.
set -euo pipefail
cd "$(dirname "$0")/.."

count=${COUNT:-500}
stages=("$@")
[ $# -gt 0 ] || stages=(decode encode graph echo native sandboxed)

command -v valgrind >/dev/null || {
    echo "error: valgrind is not installed" >&2
    echo "hint: apt-get install valgrind" >&2
    exit 1
}
[ "$(uname -m)" = x86_64 ] || {
    echo "error: benches/hot_path.rs knows valgrind's signals on x86_64 alone" >&2
    exit 1
}
driver=$(cargo bench --locked --bench hot_path --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*hot_path[^"]*\)".*/\1/p' | tail -n 1)

# A `rep stosb` counts once a byte: have memset and memcpy take the vectors that they take for less.
never=$((1 << 40))
export GLIBC_TUNABLES=glibc.cpu.x86_rep_stosb_threshold=$never:glibc.cpu.x86_rep_movsb_threshold=$never

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=()
printf '%-10s %12s\n' stage instructions
for stage in "${stages[@]}"; do
    if timeout 600 valgrind --tool=callgrind --instr-atstart=no --callgrind-out-file="$work/out" \
        --log-file="$work/log" "$driver" "$stage" "$count" >&2; then
        total=$(awk '/^totals:/ { print $2 }' "$work/out")
        printf '%-10s %12d\n' "$stage" $((total / count))
    else
        tail -n 20 "$work/log" >&2
        missed+=("$stage")
    fi
done
if [ ${#missed[@]} -gt 0 ]; then
    echo "!!! NOT counted, because valgrind could not run them: ${missed[*]}" >&2
    exit 1
fi
