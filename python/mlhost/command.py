"""The command `mlhost`: becomes the program that this package brings, with ONNX Runtime's library where pip has put it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import runtime

PROGRAM = Path(__file__).with_name("bin") / "mlhost"


def program() -> str:
    """The program's path. `MLHOST` names another one."""
    path = os.environ.get("MLHOST") or str(PROGRAM)
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(
            f"there is no program `{path}`: this package was built without it\n"
            "hint: `python/build.sh` builds one with it; MLHOST names a program that is elsewhere"
        )
    return path


def environment() -> dict[str, str]:
    """This process's environment, and where ONNX Runtime is."""
    library = runtime.library()
    return {**os.environ, **({runtime.VARIABLE: library} if library else {})}


def main() -> None:
    """Never returns: this process becomes the program, and so gets its signals."""
    try:
        path = program()
        os.execve(path, ["mlhost", *sys.argv[1:]], environment())
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
