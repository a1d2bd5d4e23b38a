"""Lets torchvision's wheels, which are built for CUDA, be imported beside a CPU build of torch.

They register the kernels of `nms` and `qnms` for operators that only their CUDA library defines; with the two
operators defined beforehand the import goes through, and nothing here calls them.
"""

import torch

_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


def install() -> None:
    """Define the operators, once, before torchvision is imported."""
    if not hasattr(torch.ops.torchvision, "nms"):
        _LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
