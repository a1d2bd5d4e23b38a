"""Lets torchvision's wheels, which are built for CUDA, be imported beside a CPU build of torch. For tests alone.

They register kernels for operators that only their CUDA library defines. With this folder on PYTHONPATH the operators
are defined just before torchvision is first imported; nothing calls them, and processes without torch notice nothing.
"""

import importlib.abc
import sys
from typing import Any


class Shim(importlib.abc.MetaPathFinder):
    """Sees torchvision come, defines the operators, and lets others find it."""

    libraries: list[Any] = []  # noqa: RUF012 - the definitions last as long as their library objects

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name != "torchvision":
            return
        import torch

        if not torch.cuda.is_available() and not hasattr(torch.ops.torchvision, "nms"):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            self.libraries.append(library)


sys.meta_path.insert(0, Shim())
