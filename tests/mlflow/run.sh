#!/usr/bin/env bash
# Runs a script of this folder in its virtual environment, which `benches/venvs.sh` makes, with a built mlhost.
#
#   tests/mlflow/run.sh differential|clients|uris|follow [ARGUMENT...]
#
# MLHOST names the program, otherwise it is built; ORT_DYLIB_PATH names ONNX Runtime, otherwise it is looked for as always.
set -euo pipefail
cd "$(dirname "$0")/../.."

script=tests/mlflow/${1:?which: differential, clients, uris or follow}.py
shift
[ -f "$script" ] || { echo "error: there is no \`$script\`" >&2; exit 2; }
target=${CARGO_TARGET_DIR:-target}
benches/venvs.sh mlflow-tests
if [ -z "${MLHOST:-}" ]; then
    cargo build --locked --package mlhost
    MLHOST=$target/debug/mlhost
fi
MLHOST=$(realpath "$MLHOST")
CARGO_TARGET_DIR=$(realpath "$target")
export CARGO_TARGET_DIR MLHOST MLFLOW_DISABLE_TELEMETRY=true PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 NO_COLOR=1
exec "$target/venvs/mlflow-tests/bin/python" "$script" "$@"
