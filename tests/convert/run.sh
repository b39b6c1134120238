#!/usr/bin/env bash
# Converts MLflow models with `python -m mlhost.convert` and serves the results with a real `mlhost serve`, beside what MLflow
# answers for the models themselves: one line a check, a total, and 1 where one failed.
#
#   tests/convert/run.sh [MODEL...]
#
# A MODEL is a function of `models.py`; without one, all are converted, and what must be refused is tried.
# MLHOST names the program, otherwise it is built; ORT_DYLIB_PATH names ONNX Runtime, otherwise it is looked for as always;
# MLHOST_VENVS names where the environment is kept. What cannot be installed ends it with 3, loudly: nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages="mlflow==3.17.2 scikit-learn==1.8.0 skl2onnx==1.20.0 onnxmltools==1.16.0 onnx==1.20.1 onnxruntime==1.24.1"
packages="$packages xgboost-cpu==3.2.0 lightgbm==4.6.0 numpy==2.4.6 pandas==3.1.1"
target=${CARGO_TARGET_DIR:-target}
venv=${MLHOST_VENVS:-$target/venvs}/convert
# With these very packages: a list that changed makes a new one.
if [ "$(head -n 1 "$venv/complete" 2>/dev/null)" != "# $packages" ]; then
    echo "convert: $packages" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    # shellcheck disable=SC2086 # a list of packages
    if ! "$venv/bin/pip" install --quiet --no-compile --no-input --disable-pip-version-check $packages; then
        echo "error: the converters cannot be installed: NOTHING WAS CHECKED" >&2
        exit 3
    fi
    { echo "# $packages"; "$venv/bin/pip" freeze; } >"$venv/complete.new"
    mv "$venv/complete.new" "$venv/complete"
fi

if [ -z "${MLHOST:-}" ]; then
    cargo build --locked --package mlhost
    MLHOST=$target/debug/mlhost
fi
MLHOST=$(realpath "$MLHOST")
PYTHONPATH=$(realpath python)
# What is imported is compiled, and kept beside the packages: of most that pip brings nothing ever is.
PYTHONPYCACHEPREFIX=$(realpath "$venv")/bytecode
export MLHOST PYTHONPATH PYTHONPYCACHEPREFIX PYTHONWARNINGS=ignore NO_COLOR=1 MLFLOW_DISABLE_TELEMETRY=true OMP_NUM_THREADS=1
exec "$venv/bin/python" tests/convert/convert.py "$@"
