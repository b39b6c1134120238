"""Sends the same made-up requests to MLflow's scoring server and to mlhost, and compares the answers.

    run.sh differential [--requests N] [--seed N] [--real N] [--compat MODE] [--only FORM] [--verbose]

Both serve the same model directory: to MLflow it is a Python model that describes its input, to mlhost a component that
does the same. An answer is equal, or different for a reason of `docs/mlflow-differences.md` whose rule in `rules.py` fits,
or different: then it is printed, once for each kind with its shortest request, and the exit code is 1. Run by `run.sh`.
"""

import argparse
import collections
import json
import logging
import os
import pickle
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

logging.disable(logging.WARNING)

import generate  # noqa: E402
import models  # noqa: E402
import rules  # noqa: E402
import servers  # noqa: E402

# Requests to one signature.
EACH = 40


@dataclass
class Case:
    """One request with both answers."""

    signature: dict
    request: generate.Request
    mlflow: servers.Answer
    mlhost: servers.Answer

    @property
    def types(self):
        return [column["type"] for column in self.signature["inputs"] or []]


def outcome(answer):
    """What a client learns: the prediction, or the error's code."""
    found = answer.json
    if answer.status != 200:
        return answer.status, found.get("error_code") if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return answer.status, answer.body
    prediction = found.get("predictions", found)
    if isinstance(prediction, dict) and not prediction.get("params"):
        # None and no parameters are one to a guest.
        prediction = {**prediction, "params": None}
    return answer.status, "predictions" in found, prediction


def same(theirs, ours):
    """Equality, but for the last digits of a graph's numbers."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return theirs.keys() == ours.keys() and all(same(theirs[key], ours[key]) for key in theirs)
    if isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple)):
        return len(theirs) == len(ours) and all(map(same, theirs, ours))
    return rules.close(theirs, ours) or (type(theirs) is type(ours) and theirs == ours)


def kind(case):
    """Differences of one kind are told once."""
    theirs, ours = outcome(case.mlflow), outcome(case.mlhost)
    if theirs[0] != 200 or ours[0] != 200:
        short = [one[:2] if one[0] != 200 else (200,) for one in (theirs, ours)]
        return case.request.form, *map(str, short), fingerprint(case)
    return case.request.form, "200", "200", fingerprint(case)


def fingerprint(case):
    """Where two descriptions part: types and the first cell, or the refusal's beginning."""
    if case.mlhost.status != 200:
        message = (case.mlhost.json or {}).get("message", "")
        return " ".join(word for word in message.split() if word.isalpha())[:60]
    if case.mlflow.status != 200:
        message = str((case.mlflow.json or {}).get("message", case.mlflow.body[:80]))
        message = message.rpartition("Error: ")[2]
        return " ".join(word for word in message.split() if word.isalpha())[:60]
    theirs, ours = case.mlflow.json.get("predictions"), case.mlhost.json.get("predictions")
    return ", ".join(f"{path}: {str(one)[:30]} / {str(two)[:30]}" for path, one, two in rules.parted(theirs, ours)[:2])


def told(case):
    body = case.request.body.decode("utf-8", "replace")
    signature = json.dumps(case.signature["inputs"])
    lines = [
        f"    {case.request.content_type} {body[:600]}",
        f"    signature {signature[:400]}" + (f" params {json.dumps(case.signature['params'])}" if case.signature["params"] else ""),
        f"    mlflow {case.mlflow.status} {case.mlflow.body.decode('utf-8', 'replace')[:500]}",
        f"    mlhost {case.mlhost.status} {case.mlhost.body.decode('utf-8', 'replace')[:500]}",
    ]
    return "\n".join(lines)


def compared(signature, requests, theirs, ours):
    for request in requests:
        yield Case(signature, request, theirs.invoke(request), ours.invoke(request))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--real", type=int, default=2, help="signatures for which `mlflow models serve` itself is asked")
    parser.add_argument("--compat", default="sane", choices=["sane", "strict"], help="mlhost's --mlflow-compat")
    parser.add_argument("--only", help="requests of this form alone")
    parser.add_argument("--dump", help="a file for pickled cases that differ, to write rules by")
    parser.add_argument("--verbose", action="store_true", help="an example of each deliberate difference too")
    parser.add_argument("--mlhost", default=os.environ.get("MLHOST", "target/debug/mlhost"))
    arguments = parser.parse_args()
    modes = rules.check_reasons(models.ROOT / "docs/mlflow-differences.md")

    started = time.monotonic()
    count = max(arguments.requests // EACH, 1)
    signatures = generate.drawn(generate.signatures(), count, arguments.seed)
    graphs = list(models.GRAPHS)
    signatures += [{"inputs": models.GRAPHS[graph], "params": None} for graph in graphs]
    asked = [generate.drawn(generate.requests(one), EACH, arguments.seed + number) for number, one in enumerate(signatures)]
    generated = time.monotonic()
    equal, real = 0, 0
    deliberate, different = collections.defaultdict(list), collections.defaultdict(list)
    flags = ["--mlflow-compat", arguments.compat]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        models.save_template(folder / "template")
        folders = [
            models.write(folder / "template", folder / str(number), signature)
            for number, signature in enumerate(signatures[:-len(graphs)])
        ]
        for number, graph in enumerate(graphs):
            folders.append(folder / f"graph{number}")
            models.save_graph(folders[-1], graph)
        with servers.scoring_servers(folders) as together:
            loaded = time.monotonic()
            for number, (signature, theirs) in enumerate(zip(signatures, together, strict=True)):
                if number < arguments.real:
                    theirs = servers.models_serve(folders[number], folder / f"{number}.log")
                requests = [one for one in asked[number] if arguments.only in (None, one.form)]
                with theirs, servers.mlhost(arguments.mlhost, folders[number], *flags) as ours:
                    for case in compared(signature, requests, theirs, ours):
                        real += number < arguments.real
                        if same(outcome(case.mlflow), outcome(case.mlhost)):
                            equal += 1
                        elif reason := rules.reason(case, arguments.compat, modes):
                            deliberate[reason].append(case)
                        else:
                            different[kind(case)].append(case)
    if arguments.dump:
        with open(arguments.dump, "wb") as file:
            pickle.dump([case for cases in (*deliberate.values(), *different.values()) for case in cases], file)
    report(arguments, deliberate, different)
    total = equal + sum(map(len, deliberate.values())) + sum(map(len, different.values()))
    print(
        f"{arguments.compat}: {total} requests to {len(signatures)} signatures, {real} of them to `mlflow models serve` itself and the others to its "
        f"application in one uvicorn: {equal} equal, {sum(map(len, deliberate.values()))} deliberately different for "
        f"{len(deliberate)} reasons, {sum(map(len, different.values()))} different, in {time.monotonic() - started:.0f} s "
        f"({generated - started:.0f} s to make them up, {loaded - generated:.0f} s to load the models)"
    )
    return 1 if different or not equal else 0


def shortest(cases):
    return min(cases, key=lambda case: len(case.request.body) + len(json.dumps(case.signature)))


def report(arguments, deliberate, different):
    for reason, cases in sorted(deliberate.items(), key=lambda item: -len(item[1])):
        print(f"deliberate {len(cases):>5}  {reason}")
        if arguments.verbose:
            print(told(shortest(cases)))
    for what, cases in sorted(different.items(), key=lambda item: -len(item[1])):
        print(f"DIFFERENT {len(cases):>6}  {' | '.join(what)}")
        print(told(shortest(cases)))


if __name__ == "__main__":
    sys.exit(main())
