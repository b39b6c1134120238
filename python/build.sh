#!/usr/bin/env bash
# Builds the wheel: the program `mlhost`, the native library, the Python package.
#
#   python/build.sh [--release] [-o FOLDER]
#
# maturin is found on PATH, or MATURIN names it. MLHOST names a program that is built already, otherwise it is built. Without
# --release everything is as `cargo build` makes it. Prints the wheel's path alone to standard output.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=() folder=${CARGO_TARGET_DIR:-target}/wheels
while [ $# -gt 0 ]; do
    case $1 in
    --release) profile=(--release) ;;
    -o) folder=$2 && shift ;;
    *) echo "error: unknown argument \`$1\`" >&2 && exit 2 ;;
    esac
    shift
done
if [ -z "${MLHOST:-}" ]; then
    cargo build --locked --package mlhost "${profile[@]}" >&2
    MLHOST=${CARGO_TARGET_DIR:-target}/$([ ${#profile[@]} -gt 0 ] && echo release || echo debug)/mlhost
fi
mkdir -p python/mlhost/bin "$folder"
# Symbols of debuggers are most of a program that is not a release.
strip --strip-debug -o python/mlhost/bin/mlhost "$MLHOST"
chmod 755 python/mlhost/bin/mlhost
folder=$(realpath "$folder")
rm -f "$folder"/mlhost-*.whl
"${MATURIN:-maturin}" build --locked --strip --manifest-path python/Cargo.toml --out "$folder" "${profile[@]}" >&2
ls "$folder"/mlhost-*.whl
