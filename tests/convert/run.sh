#!/usr/bin/env bash
# Converts MLflow models with `python -m mlhost.convert` and serves the results with a real `mlhost serve`, beside what MLflow
# answers for the models themselves: one line a check, a total, and 1 where one failed.
#
#   tests/convert/run.sh [MODEL...]
#   tests/convert/run.sh --pytorch
#
# A MODEL is a function of `models.py` or `thresholds.py`; without one, all are converted, and what must be refused is tried.
# `--pytorch` does it for PyTorch's models. PyPI has torch for Linux with CUDA alone: 0.5 GB and the packages that it needs, 6 GB once
# installed, which is why it is asked for.
# MLHOST names the program, otherwise it is built; ORT_DYLIB_PATH names ONNX Runtime, otherwise it is looked for as always;
# MLHOST_VENVS names where the environment is kept. What cannot be installed ends it with 3, loudly: nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages="mlflow==3.17.2 scikit-learn==1.8.0 skl2onnx==1.20.0 onnxmltools==1.16.0 onnx==1.20.1 onnxruntime==1.24.1"
packages="$packages xgboost-cpu==3.2.0 lightgbm==4.6.0 numpy==2.4.6 pandas==3.1.1"
name=convert
if [ "${1:-}" = --pytorch ]; then
    name=convert-pytorch
    packages="$packages torch==2.15.0 onnxscript==0.7.2"
fi
# shellcheck source=tests/environment.sh
. tests/environment.sh
# shellcheck disable=SC2086 # a list of packages
environment "$name" "the converters" $packages
program
PYTHONPATH=$(realpath python)
export PYTHONPATH MLFLOW_DISABLE_TELEMETRY=true OMP_NUM_THREADS=1
exec "$venv/bin/python" tests/convert/convert.py "$@"
