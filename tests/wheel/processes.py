"""Models and processes: forks, spawned workers, pickles.

run.sh processes
"""

import multiprocessing
import os
import pickle

from checks import MODELS, Checks, python

import mlhost

IRIS = {"sepal_length": [51.0], "sepal_width": [35.0], "petal_length": [14.0], "petal_width": [2.0]}

FORK = """
import os, sys, mlhost
model = mlhost.load(sys.argv[1])
row = {'sepal_length': [51.0], 'sepal_width': [35.0], 'petal_length': [14.0], 'petal_width': [2.0]}
assert model.predict(row)['species'].tolist() == ['setosa']
read, write = os.pipe()
child = os.fork()
if child == 0:
    said = 'nothing'
    try: model.predict(row)
    except mlhost.ForkedError as error: said = str(error)
    if sys.argv[2] == 'again': said = mlhost.load(sys.argv[1]).predict(row)['species'].tolist()[0]
    os.write(write, said.encode())
    os.close(write)
    if sys.argv[2] == 'exit': os._exit(0)
    sys.exit(0)
os.close(write)
print(os.read(read, 1 << 16).decode())
assert os.waitpid(child, 0)[1] == 0
assert model.predict(row)['species'].tolist() == ['setosa']
"""


def asked(model):
    return os.getpid(), model.predict(IRIS)["species"].tolist()


def main():
    checks = Checks()
    with checks.check(
        "a model that was loaded before a fork: ForkedError in the child, which ends, and the parent goes on"
    ):
        for how in ("exit", "finalize"):
            said = python(FORK, MODELS / "iris", how)
            assert "loaded before this process was forked" in said and "hint: " in said, said
    with checks.check("a child that forked loads a model of its own"):
        assert python(FORK, MODELS / "iris", "again") == "setosa"
    model = mlhost.load(MODELS / "iris")
    with checks.check("a pickle is a URI and options: the model is loaded where it is unpickled"):
        frozen = pickle.dumps(mlhost.load(MODELS / "iris", timeout=7, concurrency=3))
        assert len(frozen) < 1000, len(frozen)
        again = pickle.loads(frozen)
        assert again.uri == model.uri and again.predict(IRIS)["species"].tolist() == ["setosa"]
    with checks.check("workers that are spawned get models as arguments"):
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            answers = pool.map(asked, [model] * 4)
        assert {answer[1][0] for answer in answers} == {"setosa"} and os.getpid() not in {a[0] for a in answers}
    with checks.check("workers that a server forks for itself load after the fork"):
        with multiprocessing.get_context("forkserver").Pool(2) as pool:
            assert {answer[1][0] for answer in pool.map(asked, [model] * 4)} == {"setosa"}
    with checks.check("many models in a process, dropped again: threads and memory go with them"):
        script = (
            "import mlhost, os, sys, gc\n"
            "row = {'sepal_length': [51.0], 'sepal_width': [35.0], 'petal_length': [14.0], 'petal_width': [2.0]}\n"
            "threads = lambda: len(os.listdir('/proc/self/task'))\n"
            "mlhost.load(sys.argv[1]).predict(row); gc.collect(); before = threads()\n"
            "for _ in range(20): mlhost.load(sys.argv[1]).predict(row)\n"
            "gc.collect(); print(threads() - before)\n"
        )
        assert int(python(script, MODELS / "iris")) <= 2
    checks.report()


if __name__ == "__main__":
    main()
