"""What augmentation policies do to one face, to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from faceattr._validation import check_integer, check_no_text
from faceattr.exceptions import InvalidArgumentError
from faceattr.images import UInt8Image, check_array, read_image
from faceattr.training.augment import POLICIES, RANDOM_COLUMNS, AugmentPolicy, as_policy, augment
from faceattr.training.randomness import uniforms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_augmentations"]


def plot_augmentations(
    image: UInt8Image | str | Path,
    policies: Sequence[str] | Mapping[str, str | AugmentPolicy] | None = None,
    *,
    count: int = 6,
    seed: int = 0,
) -> Figure:
    """Draw an image as it is and as policies change it, a row a policy.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3) or (H, W), or path
        RGB. Augmentation works in training on images of the network's size; pass one of that size
        to see just what the network sees.
    policies : sequence of str, or mapping of str to policy, optional
        Names of registered policies, or policies by the name to show. All registered ones by
        default.
    count : int, default 6
        Changed versions a policy, 1 to 20.
    seed : int, default 0
        The random numbers are the same in all rows, so that rows differ by their policy alone.

    Returns
    -------
    matplotlib.figure.Figure
        The first column is the image as it is.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If an argument does not fit, or a policy is unknown.
    ImageReadError
        If the file cannot be read.

    Examples
    --------
    >>> from faceattr import Dataset
    >>> from faceattr.training import plot_augmentations
    >>> figure = plot_augmentations(Dataset.synthetic(1)[0].image, ["light", "strong"], count=3)
    >>> len(figure.axes)
    8
    """
    from faceattr.report import gallery

    chosen = _named(policies)
    check_integer(count, "count", low=1, high=20)
    check_integer(seed, "seed", low=0)
    face = read_image(image) if isinstance(image, str | Path) else check_array(image, "image")
    numbers = uniforms(seed, 0, np.arange(count), RANDOM_COLUMNS)
    copies = np.repeat(face[None], count, axis=0)
    images: list[UInt8Image] = []
    captions: list[str] = []
    for name, policy in chosen.items():
        images += [face, *augment(copies, policy, numbers)]
        captions += ["as it is", *[name] * count]
    return gallery(images, captions, columns=count + 1)


def _named(
    policies: Sequence[str] | Mapping[str, str | AugmentPolicy] | None,
) -> dict[str, AugmentPolicy]:
    if policies is None:
        policies = list(POLICIES)
    check_no_text(policies, "policies", "names of policies, or policies by name")
    given = (
        policies.items() if isinstance(policies, Mapping) else zip(policies, policies, strict=True)
    )
    named = {str(name): as_policy(policy, "policies") for name, policy in given}
    if not named:
        raise InvalidArgumentError(
            "no policy to show", argument="policies", expected=f"among {list(POLICIES)}"
        )
    return named
