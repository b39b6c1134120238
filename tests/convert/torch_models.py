"""PyTorch's modules as MLflow saves them, and one that must be refused. Used by `convert.py --pytorch`."""

import mlflow
import numpy
import torch
from calls import refused
from mlflow.models import infer_signature
from models import IRIS, split

VALUES = IRIS.to_numpy(dtype="float32")


class Noisy(torch.nn.Module):
    """Answers otherwise each time: no graph is the same."""

    def forward(self, values):
        return values[:, :1] + torch.rand(())


def network():
    torch.manual_seed(7)
    layers = [torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.5)]
    # In the mode in which it was trained: MLflow predicts in the other one.
    return torch.nn.Sequential(*layers, torch.nn.Linear(16, 3), torch.nn.Softmax(dim=1)).train()


def _saved(folder, module, inputs, **options):
    with torch.no_grad():
        answered = module.eval()(torch.tensor(VALUES[:5])).numpy()
    mlflow.pytorch.save_model(
        module,
        str(folder),
        signature=infer_signature(inputs, answered),
        input_example=inputs[:2],
        pip_requirements=["torch"],
        **options,
    )


def module_exported(folder):
    """`torch.export`'s form, which MLflow takes unless it is told otherwise."""
    _saved(folder, network(), VALUES)
    return {"inputs": VALUES[::10].tolist()}


def module_tensor(folder):
    _saved(folder, network(), VALUES, serialization_format="pickle")
    return {"inputs": VALUES[::10].tolist()}


def module_table(folder):
    _saved(folder, network(), IRIS.astype("float32"), serialization_format="pickle")
    return split(IRIS[::10])


ALL = [module_exported, module_tensor, module_table]


def check_refused(checks, folder):
    with checks.check("a module that answers otherwise each time: refused with rows and the largest difference"):
        saved = folder / "noisy"
        _saved(saved, Noisy(), VALUES, serialization_format="pickle")
        refused(saved, folder / "x", "of 1002 rows differ, by up to ", "(pytorch), ", "(onnx)")
