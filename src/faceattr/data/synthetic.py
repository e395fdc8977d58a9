"""Synthetic faces: drawings whose attributes are known, for trying things out, tests and docs.

They are cartoons, not photographs: a model trained on them knows nothing about people, and no
figure measured on them says anything about real faces. Age, gender, skin tone, light, blur and pose
drive the picture through several cues, each with an error of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_integer, check_number
from faceattr.data.drawing import Look, render
from faceattr.data.variation import LOOK_STREAM, NOISE_STREAM, normals, uniforms, variation
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.images import UInt8Image

__all__ = ["AGE_NOISE_YEARS", "MAX_SIZE", "attributes", "draw", "noisy_labels"]

MAX_SIZE = 1024
"""Largest side of a drawing in pixels."""

AGE_NOISE_YEARS = 25.0
"""Standard deviation of the error that `noisy_labels` adds to ages at an amount of 1."""

_LARGEST = 2**53
"""Seeds and indices end where floats stop telling whole numbers apart."""

_OLDEST = 116

# Share of people younger than an age: many children and young adults, few above 90.
_AGES = (0, 3, 10, 18, 24, 30, 40, 50, 60, 70, 80, 90, 100, 117)
_SHARES = (0.0, 0.09, 0.17, 0.27, 0.40, 0.54, 0.69, 0.79, 0.875, 0.94, 0.975, 0.993, 0.998, 1.0)


def attributes(seed: int, indices: Sequence[int] | npt.NDArray[np.integer]) -> pd.DataFrame:
    """Return the attributes of drawings.

    Parameters
    ----------
    seed : int
        Names the collection; 0 to 2**53.
    indices : sequence of int, length n
        Numbers of the drawings in the collection, 0 to 2**53, in any order. The attributes of
        one do not depend on the others.

    Returns
    -------
    pandas.DataFrame
        One row an index, in the given order: ``age`` (float64, whole years 0 to 116), ``gender``
        ("male" or "female"), ``skin`` (tone, 0 light to 1 dark), ``light`` (brightness factor, 0.58
        to 1.42), ``blur`` (standard deviation in pixels of a picture 128 pixels wide, 0 to 2.2),
        ``pose`` (degrees by which the head is turned, -28 to 28, positive to the right of the
        picture).

    Raises
    ------
    InvalidArgumentError
        If the seed or an index is outside its limits, or an index is no whole number.
    InvalidTypeError
        If the seed is no whole number.

    Examples
    --------
    >>> from faceattr.data.synthetic import attributes
    >>> bool((attributes(0, range(5)).iloc[[3]].age == attributes(0, [3]).age.iloc[0]).all())
    True
    """
    check_integer(seed, "seed", low=0, high=_LARGEST)
    columns = _columns(seed, _check_indices(indices))
    is_female = columns.pop("is_female")
    gender = pd.Series(np.where(is_female, "female", "male"), dtype="str")
    table = pd.DataFrame(columns)
    table.insert(1, "gender", gender)
    return table


def draw(seed: int, index: int, size: int = 128) -> UInt8Image:
    """Draw one face.

    Parameters
    ----------
    seed, index : int
        As for `attributes`; the picture shows that row.
    size : int, default 128
        Side length in pixels, 1 to 1024.

    Returns
    -------
    numpy.ndarray of uint8, shape (size, size, 3)
        RGB, 0-255. The same on every run.

    Raises
    ------
    InvalidArgumentError
        If an argument is outside its limits.
    InvalidTypeError
        If an argument is no whole number.

    Examples
    --------
    >>> from faceattr.data.synthetic import draw
    >>> draw(0, 12, size=64).shape
    (64, 64, 3)
    """
    check_integer(size, "size", low=1, high=MAX_SIZE)
    check_integer(index, "index", low=0, high=_LARGEST)
    check_integer(seed, "seed", low=0, high=_LARGEST)
    row = {name: column.item() for name, column in _columns(seed, np.array([index])).items()}
    gender = "female" if row.pop("is_female") else "male"
    return render(Look(gender=gender, **row), variation(seed, index), size)


def noisy_labels(table: pd.DataFrame, amount: float, seed: int = 0) -> pd.DataFrame:
    """Return a copy of a table whose labels are wrong to a known degree; pictures stay as they are.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns ``age`` (years) and ``gender`` ("male", "female").
    amount : float
        0 to 1. Genders are swapped with this probability; ages get a Gaussian error with a standard
        deviation of ``amount * AGE_NOISE_YEARS`` years, rounded to whole years within 0 to 116.
    seed : int, default 0
        Names the draw of errors. A row's error depends on the seed and its position only.

    Returns
    -------
    pandas.DataFrame
        Same rows and columns; missing labels stay missing.

    Raises
    ------
    InvalidArgumentError
        If the amount is outside 0 to 1.
    TableError
        If a column is not there.
    """
    check_number(amount, "amount", low=0.0, high=1.0)
    check_integer(seed, "seed", low=0, high=_LARGEST)
    absent = [column for column in ("age", "gender") if column not in table.columns]
    if absent:
        raise TableError("a column is missing", argument="table", expected=repr(absent[0]))
    rows = np.arange(len(table))
    flip = uniforms(NOISE_STREAM, seed, rows, 1)[:, 0] < amount
    error = normals(NOISE_STREAM + 7, seed, rows, 1)[:, 0] * amount * AGE_NOISE_YEARS
    noisy = table.copy()
    noisy["age"] = (table["age"] + error).round().clip(0, _OLDEST)
    swapped = table["gender"].replace({"male": "female", "female": "male"})
    noisy["gender"] = table["gender"].mask(flip, swapped)
    return noisy


def _columns(seed: int, indices: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    flat = uniforms(LOOK_STREAM, seed, indices, 4)
    bell = normals(LOOK_STREAM + 7, seed, indices, 2)
    age = np.floor(np.interp(flat[:, 0], _SHARES, _AGES))
    return {
        "age": np.minimum(age, _OLDEST),
        "is_female": flat[:, 1] < 0.5,
        "skin": flat[:, 2],
        "light": 1 + 0.12 * bell[:, 0],
        "blur": 2.2 * flat[:, 3] ** 3,
        "pose": 8.0 * bell[:, 1],
    }


def _check_indices(indices: Sequence[int] | npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    numbers = np.asarray(indices)
    if numbers.size == 0:
        return np.zeros(0, dtype=np.int64)
    whole = numbers.ndim == 1 and numbers.dtype.kind in "iu"
    if not whole or numbers.min() < 0 or numbers.max() > _LARGEST:
        raise InvalidArgumentError(
            "not numbers of drawings",
            argument="indices",
            expected=f"whole numbers from 0 to {_LARGEST}, one-dimensional",
            found=f"{numbers.dtype} of shape {numbers.shape}, first {numbers.flat[0]!r}",
        )
    return numbers.astype(np.int64)
