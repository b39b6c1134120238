#!/usr/bin/env bash
# Builds the Python package's wheel, installs it beside MLflow, pandas, polars and pyarrow, and uses it as their users do: one line a
# check, a total, and 1 where one failed.
#
#   tests/wheel/run.sh [SECTION...]
#
# A SECTION is a script of this folder (`api`, `processes`, `flavor`, `deployments`); without one, all are run.
# MLHOST names the program, otherwise it is built; WHEEL names a wheel, otherwise it is built with that program; ORT_DYLIB_PATH
# names ONNX Runtime, otherwise it is looked for as always; MLHOST_VENVS names where the environments are kept. What cannot be
# installed or built ends it with 3, loudly: nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

sections=("${@:-}")
[ -n "${sections[0]}" ] || sections=(api processes flavor deployments)
# shellcheck source=tests/environment.sh
. tests/environment.sh
program
if [ -z "${WHEEL:-}" ]; then
    environment maturin "maturin" "maturin==1.16.0"
    if ! WHEEL=$(MATURIN=$venv/bin/maturin python/build.sh); then
        echo "error: the wheel cannot be built: NOTHING WAS CHECKED" >&2
        exit 3
    fi
fi
packages="mlflow==3.17.2 pandas==3.1.1 numpy==2.4.6 pyarrow==25.0.1 polars==2.1.0 onnxruntime==1.31.1 mypy==2.4.1"
# shellcheck disable=SC2086 # a list of packages
environment wheel "the wheel's environment" $packages
if ! "$venv/bin/pip" install --quiet --no-deps --force-reinstall --no-input --disable-pip-version-check "$WHEEL"; then
    echo "error: $WHEEL cannot be installed: NOTHING WAS CHECKED" >&2
    exit 3
fi
export MLFLOW_DISABLE_TELEMETRY=true
unset PYTHONPATH
failed=()
for section in "${sections[@]}"; do
    echo "-- $section"
    "$venv/bin/python" "tests/wheel/$section.py" || failed+=("$section")
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "error: of tests/wheel: ${failed[*]}" >&2
    exit 1
fi
