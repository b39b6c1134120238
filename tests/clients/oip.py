"""What both sections of V2 ask with: the fixtures, rows of the iris model, and a tensor of each type. No section of its own."""

import numpy as np
from checks import FIXTURES

OIP = FIXTURES / "oip"
ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], dtype=np.float32)
TYPES = {
    "bool": ("BOOL", np.array([True, False])),
    "uint8": ("UINT8", np.array([0, 255], np.uint8)),
    "int8": ("INT8", np.array([-128, 127], np.int8)),
    "int16": ("INT16", np.array([-32768, 32767], np.int16)),
    "int32": ("INT32", np.array([-(2**31), 2**31 - 1], np.int32)),
    "int64": ("INT64", np.array([-(2**63), 2**63 - 1], np.int64)),
    "uint64": ("UINT64", np.array([0, 2**64 - 1], np.uint64)),
    "fp16": ("FP16", np.array([1.5, -0.1], np.float16)),
    "fp32": ("FP32", np.array([0.1, 1e-45], np.float32)),
    "fp64": ("FP64", np.array([0.1, 1e308])),
    "bytes": ("BYTES", np.array(["a", "é"], dtype=np.object_)),
}
