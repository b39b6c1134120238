#!/usr/bin/env bash
# Real clients of other people's making against a real `mlhost serve`: one line a check, a total, and 1 where one failed.
#
#   tests/clients/run.sh SECTION [ARGUMENT...]
#
# A section is `SECTION.py` in this folder, run in a virtual environment that has the packages of `packages.sh` and no others;
# sections with the same packages share one.
# MLHOST names the program, otherwise it is built; ORT_DYLIB_PATH names ONNX Runtime, otherwise it is looked for as always;
# MLHOST_VENVS names where the environments are kept. What cannot be installed ends it with 3, loudly: nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=tests/clients
section=${1:-}
shift || true
# shellcheck source=tests/clients/packages.sh
. "$here/packages.sh"
script=$here/$section.py
if [ -z "$section" ] || [ ! -f "$script" ] || [ -z "${packages[$section]:-}" ]; then
    echo "error: there is no section \`$section\`" >&2
    echo "hint: $(printf '%s\n' "${!packages[@]}" | sort | tr '\n' ' ')are known" >&2
    exit 2
fi

target=${CARGO_TARGET_DIR:-target}
name=clients-$(printf '%s\n' "${!packages[@]}" | sort | while read -r other; do
    if [ "${packages[$other]}" = "${packages[$section]}" ]; then
        echo "$other"
        break
    fi
done)
venv=${MLHOST_VENVS:-$target/venvs}/$name
# With these very packages: a list that changed makes a new one.
if [ "$(head -n 1 "$venv/complete" 2>/dev/null)" != "# ${packages[$section]}" ]; then
    echo "$name: ${packages[$section]}" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    # shellcheck disable=SC2086 # a list of packages
    if ! "$venv/bin/pip" install --quiet --no-compile --no-input --disable-pip-version-check ${packages[$section]}; then
        echo "error: the clients of section \`$section\` cannot be installed: NOTHING WAS CHECKED" >&2
        exit 3
    fi
    { echo "# ${packages[$section]}"; "$venv/bin/pip" freeze; } >"$venv/complete.new"
    mv "$venv/complete.new" "$venv/complete"
fi

if [ -z "${MLHOST:-}" ]; then
    cargo build --locked --package mlhost
    MLHOST=$target/debug/mlhost
fi
MLHOST=$(realpath "$MLHOST")
# What is imported is compiled, and kept beside the packages: of most that pip brings nothing ever is.
PYTHONPYCACHEPREFIX=$(realpath "$venv")/bytecode
export MLHOST PYTHONPYCACHEPREFIX PYTHONWARNINGS=ignore NO_COLOR=1
exec "$venv/bin/python" "$script" "$@"
