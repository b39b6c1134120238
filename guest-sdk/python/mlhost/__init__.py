"""What a model in Python is written with: `import mlhost`, then `class Model(mlhost.PythonModel)`.

`mlhost build model.py` makes a component of it. Everything here but `border` and `console` runs in any Python, so that a
model can be tested without one: `mlhost.testing`.
"""

from .blob import Blob
from .column import Column
from .context import Context, Graph, GraphError
from .model import PythonModel, Reject
from .table import Table
from .tensor import Tensor

__all__ = ["Blob", "Column", "Context", "Graph", "GraphError", "PythonModel", "Reject", "Table", "Tensor"]
