#!/usr/bin/env bash
# Runs the examples of `python/examples` as their users would: on Spark (in one process, and on a standalone master and worker), on
# Ray, with pandas; and compares what each predicts of the same 10,000 rows with `mlhost predict` and `/invocations`, bit by bit.
# One line a check, a total, and 1 where one failed.
#
#   tests/engines/run.sh [spark|ray|pandas...]
#
# MLHOST names the program, otherwise it is built; WHEEL names a wheel, otherwise it is built with that program; ORT_DYLIB_PATH
# names ONNX Runtime, otherwise it is looked for as always; MLHOST_VENVS names where the environment is kept. What cannot be installed or run
# ends it with 3, loudly: nothing is skipped.
#
# It all runs in a network of its own that has its loopback and nothing else: Ray and Spark look for the address that this
# machine has outside, and nobody outside is to reach what they open.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages="mlflow==3.17.2 pyspark==4.3.0 ray[data]==2.60.0 numpy==2.4.6 pandas==3.1.1 pyarrow==25.0.1"
lack() {
    echo "error: $1: NOTHING WAS CHECKED" >&2
    echo "hint: $2" >&2
    exit 3
}
java -version 2>&1 | grep -qE '"(17|21)\.' ||
    lack "Spark needs Java 17 or 21" "apt-get install openjdk-17-jre-headless"
loopback=(unshare --net)
[ "$(id -u)" = 0 ] || loopback=(unshare --map-root-user --net)
"${loopback[@]}" ip link set lo up ||
    lack "a network of its own cannot be made" "it takes root or user namespaces, and ip: apt-get install iproute2"
# shellcheck source=tests/environment.sh
. tests/environment.sh
program
if [ -z "${WHEEL:-}" ]; then
    environment maturin "maturin" "maturin==1.16.0"
    WHEEL=$(MATURIN=$venv/bin/maturin python/build.sh) || lack "the wheel cannot be built" "python/build.sh"
fi
# shellcheck disable=SC2086 # a list of packages
environment engines "Spark, Ray and pandas" $packages
# Beside the environment, not in it: whoever starts an example has it, and Spark's executors have not.
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
"$venv/bin/pip" install --quiet --no-deps --no-compile --no-input --disable-pip-version-check --target "$site" "$WHEEL" ||
    lack "$WHEEL cannot be installed" "python/build.sh builds it for this machine"
export PYTHONPATH=$site
export MLFLOW_DISABLE_TELEMETRY=true RAY_AUTH_MODE=disabled RAY_USAGE_STATS_ENABLED=0 OMP_NUM_THREADS=1
"${loopback[@]}" bash -c 'ip link set lo up && exec "$@"' engines "$venv/bin/python" tests/engines/engines.py "$@"
