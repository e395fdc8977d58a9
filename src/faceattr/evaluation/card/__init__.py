"""The model card: what a model is for, what it is not for, and how good it is for whom."""

from faceattr.evaluation.card.card import ModelFacts, model_card

__all__ = ["ModelFacts", "model_card"]
