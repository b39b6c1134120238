"""The command as a call, and requests to what it made. Used by `convert.py` and `refusals.py`."""

import contextlib
import io
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from mlhost.convert.__main__ import main


@dataclass
class Ended:
    """How the command ended."""

    code: int
    out: str
    error: str


def convert(source, directory, *flags):
    """`python -m mlhost.convert SOURCE -o DIRECTORY FLAG...`, without a process of its own."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = main([str(source), "-o", str(directory), *map(str, flags)])
    return Ended(code, out.getvalue(), error.getvalue())


def converted(source, directory, *flags):
    """The same, which must end well."""
    ended = convert(source, directory, *flags)
    assert ended.code == 0, ended
    assert (directory / "MLmodel").is_file(), ended
    return ended


def refused(source, directory, *texts, flags=()):
    """The same, which must be refused with each of these texts and a hint, and leave nothing behind."""
    before = sorted(directory.parent.iterdir())
    ended = convert(source, directory, *flags)
    assert ended.code == 1, ended
    assert ended.error.startswith("error: ") and "\nhint: " in ended.error, ended.error
    for text in texts:
        assert text in ended.error, f"no `{text}` in: {ended.error}"
    assert sorted(directory.parent.iterdir()) == before, "something was left behind"
    return ended


def invoke(server, body):
    """The answer to `body`."""
    request = urllib.request.Request(
        f"{server.url}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as failed:
        raise AssertionError(f"{failed.code}: {failed.read().decode()}") from failed
