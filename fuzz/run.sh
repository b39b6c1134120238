#!/usr/bin/env bash
# fuzz/run.sh build                    compile every target
# fuzz/run.sh [TARGET|all] [SECONDS]   compile, run each for so long (60), print a table; fails on a finding
#
# A stable compiler does: the instrumentation is LLVM's own pass, asked for by name, which needs RUSTC_BOOTSTRAP and no
# nightly. `cargo fuzz run TARGET` works as well, where there is a nightly. FUZZ_SANITIZER=address adds AddressSanitizer.
# The targets `guest` and `onnx` are tests of the main workspace, uninstrumented: an instrumented Cranelift would take as
# long to compile as all else together.
set -euo pipefail
cd "$(dirname "$0")"
what=${1:-all}
seconds=${2:-60}
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../target}/fuzz${FUZZ_SANITIZER:+-$FUZZ_SANITIZER}"
work="$CARGO_TARGET_DIR/work"
mapfile -t targets < <(basename -s .rs fuzz_targets/*.rs)
main_targets=(guest onnx)

build() {
    # What cargo-fuzz passes, without a sanitizer. `--target` keeps build scripts and macros uninstrumented.
    local flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
        -Cllvm-args=-sanitizer-coverage-trace-compares ${FUZZ_SANITIZER:+-Zsanitizer=$FUZZ_SANITIZER}"
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="${flags//$'\n'/ }" cargo build --locked --release --target "$host" "$@"
    # Not instrumented: what it makes is what is tried.
    cargo build --locked --release --target "$host" -p mlhost-smith
}

# One target of libFuzzer's for $seconds: a line of the table, and its log where it found something.
fuzz() {
    local target=$1 log="$work/$1.log" corpus="$work/corpus/$1" found="$work/findings/$1" dictionary=()
    mkdir -p "$corpus" "$found"
    [ ! -f "dictionaries/$target.dict" ] || dictionary=(-dict="dictionaries/$target.dict")
    local started=$SECONDS status=0
    # A second for one input and 1 GiB in all are findings, too: no body of 16 KiB may cost as much.
    "$CARGO_TARGET_DIR/$host/release/$target" "$corpus" "$work/seeds/$target" regressions/"$target"/ \
        -artifact_prefix="$found/" "${dictionary[@]}" -max_total_time="$seconds" -max_len=16384 -timeout=5 \
        -malloc_limit_mb=512 -rss_limit_mb=2048 -print_final_stats=1 -use_value_profile=1 >"$log" 2>&1 || status=$?
    local runs findings
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    findings=$(find "$found" -type f | wc -l)
    printf '%-16s %8s %12s %8s %9s\n' "$target" $((SECONDS - started)) "${runs:-?}" "$(ls "$corpus" | wc -l)" "$findings"
    if [ "$status" != 0 ] || [ "$findings" != 0 ]; then
        echo "$target: exit status $status; what it found is under $found" >&2
        tail -n 40 "$log" >&2
        return 1
    fi
}

# One target of the main workspace: a test that prints how many inputs it had.
drive() {
    local target=$1 log="$work/$1.log" started=$SECONDS status=0 modules="$work/modules"
    if [ "$target" = guest ]; then
        rm -rf "$modules"
        local shape
        for shape in iris echo describe; do
            "$CARGO_TARGET_DIR/$host/release/mlhost-smith" "../models/$shape/component.wasm" "$modules" \
                $((RANDOM * 100000 + $(date +%s))) 400
        done
    fi
    (cd .. && MLHOST_FUZZ_MODULES="$modules" \
        CARGO_TARGET_DIR="${CARGO_TARGET_DIR%/fuzz*}" MLHOST_FUZZ_SECONDS="$seconds" \
        cargo test --locked -p mlhost --test it -- --ignored --exact --nocapture "fuzzed::$target::for_a_time") \
        >"$log" 2>&1 || status=$?
    local runs
    runs=$(sed -n 's/^executions: *//p' "$log")
    printf '%-16s %8s %12s %8s %9s\n' "$target" $((SECONDS - started)) "${runs:-?}" - $((status != 0))
    if [ "$status" != 0 ]; then
        tail -n 40 "$log" >&2
        return 1
    fi
}

known() { [[ " ${targets[*]} ${main_targets[*]} all build " == *" $1 "* ]]; }
known "$what" || { echo "there is no target \`$what\`; there are: ${targets[*]} ${main_targets[*]}" >&2; exit 2; }
if [ "$what" = build ]; then
    build --bins
    exit
fi
mkdir -p "$work"
python3 seeds.py "$work/seeds"
outcome=0
printf '%-16s %8s %12s %8s %9s\n' target seconds executions corpus findings
case "$what" in
    all)
        build --bins 2>"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
        for target in "${targets[@]}"; do fuzz "$target" || outcome=1; done
        for target in "${main_targets[@]}"; do drive "$target" || outcome=1; done
        ;;
    guest)
        build --bin model_uri 2>"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
        drive guest || outcome=1
        ;;
    onnx) drive "$what" || outcome=1 ;;
    *)
        build --bin "$what" 2>"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
        fuzz "$what" || outcome=1
        ;;
esac
exit "$outcome"
