"""schemathesis: requests made up from `/openapi.json`, and every answer held against it.

    run.sh openapi [--examples N]

Three models, a table, tensors and a component without a signature, each with every protocol served. Checked are that no answer is
a 5xx, and that status, type and content of every answer are those of the document.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import MODELS, Checks, Server

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
PROTOCOLS = "mlflow,v2,kserve,vertex,azureml,seldon"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=50, help="requests made up for each operation")
    examples = parser.parse_args().examples
    program = Path(sys.executable).parent / "schemathesis"
    checks = Checks()
    for model, protocols in [("iris", PROTOCOLS), ("digits", PROTOCOLS), ("echo", PROTOCOLS), ("iris", "sagemaker")]:
        with (
            Server("-m", MODELS / model, "--protocols", protocols) as server,
            checks.check(f"{model} over {protocols}"),
        ):
            command = [
                program, "run", f"{server.url}/openapi.json",
                "--checks", CHECKS,
                "--phases", "examples,coverage,fuzzing",
                "--max-examples", str(examples),
                "--mode", "all",
                "--seed", "1",
                "--suppress-health-check", "all",
                "--generation-database", "none",
                "--continue-on-failure",
                "--no-color",
            ]  # fmt: skip
            # It leaves a cache of its own where it is started.
            with tempfile.TemporaryDirectory() as place:
                outcome = subprocess.run(command, capture_output=True, text=True, cwd=place)
            totals = re.findall(r"^.*(?:Operations|Tested|Selected|Test cases|generated|passed|failed|cases).*$", outcome.stdout, re.M)
            print("\n".join(f"       {line.strip()}" for line in totals))
            assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    checks.report()


main()
