"""What a network started from, told apart from all other starts."""

from __future__ import annotations

from hashlib import blake2b

import torch
from torch import nn

__all__ = ["digest_weights"]


def digest_weights(module: nn.Module) -> str:
    """Return a digest of all parameters and buffers of a module, with their names."""
    digest = blake2b(digest_size=16)
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
