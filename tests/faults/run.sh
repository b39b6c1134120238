#!/usr/bin/env bash
# tests/faults/run.sh [MLHOST]: faults that need a file system of their own or another user: a disk that is really full, one
# that is read-only, a model that another user may not read. MLHOST is the program, target/debug/mlhost unless told otherwise.
#
# Runs in a mount namespace of its own: as root, or as anybody where the system allows user namespaces. What cannot run here
# is said in capitals and counted; what fails fails the script.
set -euo pipefail
cd "$(dirname "$0")/../.."
script=$PWD/tests/faults/run.sh
program=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/mlhost}")
if [ -z "${FAULTS_INSIDE:-}" ]; then
    command -v curl >/dev/null || { echo "NOTHING OF tests/faults/run.sh CAN RUN HERE: there is no curl"; exit 77; }
    export FAULTS_INSIDE=1 FAULTS_ROOT=$(id -u)
    if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
        exec unshare --mount "$script" "$program"
    elif unshare --user --map-root-user --mount true 2>/dev/null; then
        exec unshare --user --map-root-user --mount "$script" "$program"
    fi
    echo "NOTHING OF tests/faults/run.sh CAN RUN HERE: neither root's mounts nor a user namespace are to be had"
    exit 77
fi
if [ -z "${ORT_DYLIB_PATH:-}" ]; then
    ORT_DYLIB_PATH=$(ls "${MLHOST_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/mlhost}"/onnxruntime-*/libonnxruntime.so.* | head -n 1)
    export ORT_DYLIB_PATH
fi
work=$(mktemp -d)
chmod 755 "$work"
pids=()
cleanup() {
    kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    umount "$work"/disk 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/disk"
models=$PWD/models
request='{"dataframe_split": {"columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"], "data": [[51, 35, 14, 2]]}}'
failed=0 left_out=0

# A disk of so many bytes, in place of the last one.
disk() {
    umount "$work/disk" 2>/dev/null || true
    mount -t tmpfs -o "size=$1" tmpfs "$work/disk"
}

# Starts `mlhost serve` with the arguments, its log in $work/log, and waits until it is ready. Its address is in $address.
serve() {
    local log=${LOG:-$work/log}
    : >"$work/ready"
    "$program" serve -p 0 --log-format json "$@" >"$work/ready" 2>"$log" &
    pids+=($!)
    for _ in $(seq 600); do
        address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$work/ready")
        [ -z "$address" ] || return 0
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    echo "it did not become ready:"
    cat "$log"
    return 1
}

answers() { curl -sS --max-time 60 -H 'Content-Type: application/json' -d "$request" "http://$address/invocations" | grep -q setosa; }

says() { grep -qF -- "$2" "$1" || { echo "does not say \`$2\`:"; cat "$1"; return 1; }; }

# Runs a command that is to fail with status 1, what it says in $work/said.
refuses() {
    local status=0
    "$@" >"$work/said" 2>&1 || status=$?
    [ "$status" = 1 ] || { echo "exit status $status:"; cat "$work/said"; return 1; }
}

a_full_disk_for_compiled_code_costs_the_next_start_time_and_nothing_else() {
    disk 200k
    MLHOST_CACHE_DIR=$work/disk serve -m "$models/iris"
    answers
    says "$work/log" "the code cache cannot be written to"
    says "$work/log" "No space left on device"
    says "$work/ready" '"code":"compiled"'
}

a_full_disk_for_a_download_is_said_and_leaves_no_model() {
    disk 100k
    mkdir -p "$work/www"
    tar -C "$models" -czf "$work/www/iris.tar.gz" iris/MLmodel iris/component.wasm iris/iris.onnx iris/labels.txt
    (cd "$work/www" && exec python3 -u -m http.server --bind 127.0.0.1 0 >"$work/www.log" 2>&1) &
    pids+=($!)
    for _ in $(seq 100); do
        port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/www.log")
        [ -z "$port" ] || break
        sleep 0.1
    done
    # Room for the archive and not for what is in it.
    head -c 60000 /dev/zero >"$work/disk/filler"
    MLHOST_CACHE_DIR=$work/disk refuses "$program" serve -p 0 -m "http://127.0.0.1:$port/iris.tar.gz"
    says "$work/said" "No space left on device"
    says "$work/said" "hint:"
    [ -z "$(find "$work/disk/models/folders" -name MLmodel)" ] || { echo "half a model is there"; return 1; }
    # With room again the same command goes on.
    rm "$work/disk/filler"
    mount -o remount,size=64m "$work/disk"
    MLHOST_CACHE_DIR=$work/disk serve -m "http://127.0.0.1:$port/iris.tar.gz"
    answers
}

a_full_disk_for_a_package_is_said_and_the_old_model_stays() {
    disk 1m
    "$program" package --model "$models/iris/iris.onnx" -o "$work/disk/model" >/dev/null
    refuses "$program" package --force --model "$models/magika/magika_v3_3.onnx" -o "$work/disk/model"
    says "$work/said" "No space left on device"
    "$program" validate "$work/disk/model" >/dev/null
    [ "$(ls -A "$work/disk")" = model ] || { echo "something is left:"; ls -A "$work/disk"; return 1; }
}

a_log_that_fills_its_disk_fails_no_request_and_goes_on_once_there_is_room() {
    disk 64k
    mkdir -p "$work/cache"
    head -c 60000 /dev/zero >"$work/disk/filler"
    LOG=$work/disk/log MLHOST_LOG=trace MLHOST_CACHE_DIR=$work/cache serve -m "$models/iris"
    for _ in $(seq 20); do answers; done
    rm "$work/disk/filler"
    answers
    sleep 1
    says "$work/disk/log" "lines of the log are missing"
}

a_read_only_file_system_keeps_nothing_from_being_served() {
    disk 8m
    cp -r "$models/iris" "$work/disk/model"
    mount -o remount,ro "$work/disk"
    MLHOST_CACHE_DIR=$work/disk/cache serve -m "$work/disk/model"
    answers
    says "$work/log" "Read-only file system"
    MLHOST_CACHE_DIR=$work/disk/cache refuses "$program" package --model "$models/iris/iris.onnx" -o "$work/disk/new"
    says "$work/said" "Read-only file system"
}

a_model_that_another_user_may_not_read_is_refused_by_name() {
    if [ "$FAULTS_ROOT" != 0 ] || ! command -v setpriv >/dev/null; then
        echo "THIS CANNOT RUN HERE: only root can become another user"
        return 77
    fi
    local place=$work/other
    mkdir -p "$place"
    cp "$program" "$place/mlhost"
    cp -r "$models/iris" "$place/model"
    chmod -R a+rX "$place"
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env -u HOME MLHOST_CACHE_DIR= "$@"; }
    for file in MLmodel component.wasm labels.txt; do
        chmod 600 "$place/model/$file"
        refuses as_nobody "$place/mlhost" serve -p 0 -m "$place/model"
        says "$work/said" "$file"
        says "$work/said" "ermission denied"
        chmod 644 "$place/model/$file"
    done
}

if [ -n "${FAULTS_ONE:-}" ]; then
    "$FAULTS_ONE"
    exit
fi

# In a shell of its own, where what fails ends it.
check() {
    local status=0
    FAULTS_ONE=$1 "$script" "$program" >"$work/outcome" 2>&1 || status=$?
    case $status in
        0) echo "ok        $1" ;;
        77) echo "LEFT OUT  $1: $(cat "$work/outcome")"; left_out=$((left_out + 1)) ;;
        *) echo "FAILED    $1"; sed 's/^/    /' "$work/outcome"; failed=$((failed + 1)) ;;
    esac
}

for fault in a_full_disk_for_compiled_code_costs_the_next_start_time_and_nothing_else \
    a_full_disk_for_a_download_is_said_and_leaves_no_model \
    a_full_disk_for_a_package_is_said_and_the_old_model_stays \
    a_log_that_fills_its_disk_fails_no_request_and_goes_on_once_there_is_room \
    a_read_only_file_system_keeps_nothing_from_being_served \
    a_model_that_another_user_may_not_read_is_refused_by_name; do
    check "$fault"
done
echo "$failed failed, $left_out left out"
[ "$failed" = 0 ]
