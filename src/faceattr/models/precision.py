"""Weights in half precision, where nothing is lost by it that matters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["PRECISIONS", "in_precision"]

SMALL = 5_000
"""Values below which a tensor stays as it is."""

PRECISIONS = ("full", "half")

_ROUNDING = 2.0**-10
"""The error that float16 may make, in shares of a tensor's largest value: twice its rounding."""


def in_precision(model: nn.Module, precision: str) -> dict[str, Tensor]:
    """Return the tensors of a module, on the CPU.

    Half precision is for large parameters. Small ones, such as the filters of first layers, of
    depthwise convolutions and of batch normalisation, hardly add to the file, and their rounding
    changes predictions most; they stay as they are. So do buffers: whole numbers, the
    statistics of batch normalisation (inputs are divided by the root of a variance, so that its
    relative error counts, and float16 is not precise below 6e-5), and the constants of heads; and
    a parameter with a value beyond 65,504, or with none large enough for float16.

    Parameters
    ----------
    model : torch.nn.Module
    precision : {"full", "half"}

    Returns
    -------
    dict of str to torch.Tensor
        What `Module.state_dict` has, contiguous.
    """
    state = {key: value.contiguous().cpu() for key, value in model.state_dict().items()}
    if precision == "full":
        return state
    parameters = {key for key, _ in model.named_parameters(remove_duplicate=False)}
    return {key: _halved(value) if key in parameters else value for key, value in state.items()}


def _halved(values: Tensor) -> Tensor:
    """Return a tensor as float16, or as it is where that would change it too much."""
    if values.dtype not in {torch.float32, torch.float64} or values.numel() < SMALL:
        return values
    half = values.half()
    error = (half.to(values.dtype) - values).abs().max()
    # Not "error > limit": beyond the range it is infinite or no number.
    return half if bool(error <= _ROUNDING * values.abs().max()) else values
