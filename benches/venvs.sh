#!/usr/bin/env bash
# The Python servers that `cargo bench --bench serve` measures beside mlhost: one virtual environment each, by pip alone,
# and the iris graph logged as an MLflow model. Run by people, once; a second run only looks whether all is there.
# `tests/mlflow/run.sh` takes its own from here too. Installs nothing outside the target directory and starts no server.
#
#   benches/venvs.sh [fastapi] [mlflow] [mlflow-tests]
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
venvs=$target/venvs
export MLFLOW_DISABLE_TELEMETRY=true PIP_DISABLE_PIP_VERSION_CHECK=1

# The version that mlhost runs.
onnxruntime=onnxruntime==1.31.1
fastapi_packages=(fastapi==0.165.0 'uvicorn[standard]==0.54.0' orjson==3.13.0 "$onnxruntime")
# 3.18 does not install as it is published.
mlflow_packages=(mlflow==3.17.2 onnx==1.23.2 "$onnxruntime")
# What `tests/mlflow` compares mlhost with, and what makes up its requests.
mlflow_tests_packages=("${mlflow_packages[@]}" hypothesis==6.155.2 'moto[server]==5.2.5' boto3==1.44.8 Flask-WTF==1.3.0
    azure-storage-blob==12.31.1)

# install NAME PACKAGE...: complete or not at all, so that the benchmark never meets half of one.
install() {
    local name=$1 venv=$venvs/$1
    shift
    # With these very packages: a list that changed makes a new one.
    [ "$(head -n 1 "$venv/complete" 2>/dev/null)" = "# $*" ] && return
    echo "$name: $*" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --no-input "$@"
    { echo "# $*"; "$venv/bin/pip" freeze; } >"$venv/complete.new"
    mv "$venv/complete.new" "$venv/complete"
}

[ $# -gt 0 ] || set -- fastapi mlflow
for name in "$@"; do
    case $name in
        fastapi) install fastapi "${fastapi_packages[@]}" ;;
        mlflow)
            install mlflow "${mlflow_packages[@]}"
            "$venvs/mlflow/bin/python" benches/serve/mlflow_model.py models/iris/iris.onnx "$venvs/mlflow/iris"
            ;;
        mlflow-tests) install mlflow-tests "${mlflow_tests_packages[@]}" ;;
        *)
            echo "error: there is no server \`$name\`" >&2
            echo "hint: fastapi, mlflow and mlflow-tests are known" >&2
            exit 2
            ;;
    esac
done
