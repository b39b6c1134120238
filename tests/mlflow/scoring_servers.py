"""Many MLflow scoring servers in one process: `mlflow.pyfunc.scoring_server.init` of each model, under a path of its own.

Run by `servers.py`: scoring_servers.py FOLDER... prints the port, then serves the models as /0, /1, and so on. It is the
application that `mlflow models serve` has uvicorn run, under the same uvicorn; a process for each model would take five
seconds and 300 MB.
"""

import socket
import sys

import mlflow.pyfunc
import uvicorn
from mlflow.pyfunc import scoring_server
from starlette.applications import Starlette
from starlette.routing import Mount

routes = [
    Mount(f"/{number}", scoring_server.init(mlflow.pyfunc.load_model(folder)))
    for number, folder in enumerate(sys.argv[1:])
]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="critical")).run(sockets=[listener])
