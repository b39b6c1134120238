# What scripts that run Python beside a real mlhost have in common. Sourced by `clients/run.sh` and `convert/run.sh`, from the
# repository's root. Skips nothing: what cannot be installed ends the script with 3, loudly.
# shellcheck shell=bash

# environment NAME WHAT PACKAGE...: a virtual environment of its own with these very packages, in `venv`; a list that changed
# makes a new one. WHAT is what is checked with them. MLHOST_VENVS names where environments are kept.
environment() {
    local name=$1 what=$2
    shift 2
    venv=${MLHOST_VENVS:-${CARGO_TARGET_DIR:-target}/venvs}/$name
    if [ "$(head -n 1 "$venv/complete" 2>/dev/null)" != "# $*" ]; then
        echo "$name: $*" >&2
        rm -rf "$venv"
        python3 -m venv "$venv"
        if ! "$venv/bin/pip" install --quiet --no-compile --no-input --disable-pip-version-check "$@"; then
            echo "error: $what cannot be installed: NOTHING WAS CHECKED" >&2
            exit 3
        fi
        { echo "# $*"; "$venv/bin/pip" freeze; } >"$venv/complete.new"
        mv "$venv/complete.new" "$venv/complete"
    fi
    # What is imported is compiled, and kept beside the packages: of most that pip brings nothing ever is.
    PYTHONPYCACHEPREFIX=$(realpath "$venv")/bytecode
    export PYTHONPYCACHEPREFIX PYTHONWARNINGS=ignore NO_COLOR=1
}

# The program that MLHOST names, otherwise one that is built.
program() {
    if [ -z "${MLHOST:-}" ]; then
        cargo build --locked --package mlhost
        MLHOST=${CARGO_TARGET_DIR:-target}/debug/mlhost
    fi
    MLHOST=$(realpath "$MLHOST")
    export MLHOST
}
