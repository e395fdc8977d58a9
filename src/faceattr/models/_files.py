"""The names of the files of a saved model."""

from __future__ import annotations

__all__ = ["CARD_NAME", "CONFIG_NAME", "LICENCE_NAME", "WEIGHTS_NAME"]

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "MODEL_CARD.md"
LICENCE_NAME = "LICENSE.txt"
