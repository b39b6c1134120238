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
# shellcheck source=tests/environment.sh
. tests/environment.sh
script=$here/$section.py
if [ -z "$section" ] || [ ! -f "$script" ] || [ -z "${packages[$section]:-}" ]; then
    echo "error: there is no section \`$section\`" >&2
    echo "hint: $(printf '%s\n' "${!packages[@]}" | sort | tr '\n' ' ')are known" >&2
    exit 2
fi

name=clients-$(printf '%s\n' "${!packages[@]}" | sort | while read -r other; do
    if [ "${packages[$other]}" = "${packages[$section]}" ]; then
        echo "$other"
        break
    fi
done)
# shellcheck disable=SC2086 # a list of packages
environment "$name" "the clients of section \`$section\`" ${packages[$section]}
program
exec "$venv/bin/python" "$script" "$@"
