"""Hints for a training: what a face recognition network can tell of ages and genders.

Used by `reproduce_utkface.py`. dlib's network (King 2017) has learned from some three million
photographs to tell persons apart, and describes a face by 128 numbers. Features that are of use for
that are of use for age and gender, too, which it was never told. As tasks beside its own they help
a small network to find such features; the tasks are dropped after the training.

The 128 numbers say who it is. So they are not the tasks: eight sums of them are, the ones that
partial least squares finds to go with age groups and genders of the training images. The table of
descriptions is biometric data about the people in the pictures: keep it as you keep those.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr import Dataset, RegressionTask

SIDE = 150
"""Pixels; what dlib's network wants."""
BATCH = 64
AGES = [0, 3, 10, 18, 26, 36, 50, 65, 200]
HINTS = {
    f"hint_{place}": RegressionTask(f"hint_{place}", unit="standard deviations")
    for place in range(1, 9)
}
"""The tasks by their names."""

Chips = list[npt.NDArray[np.uint8]]
Describe = Callable[[Chips], npt.ArrayLike]
"""From RGB images of 150 x 150 pixels to one row of numbers each."""


def face_network(path: Path) -> Describe:
    """Return dlib's face recognition network, from its file of weights."""
    if not path.is_file():
        raise SystemExit(f"{path} is no file; docs/pretrained.md says where dlib's weights are")
    try:
        import dlib
    except ModuleNotFoundError as error:
        raise SystemExit(
            "dlib is missing: pip install dlib-bin, which needs no compiler"
        ) from error
    network: Any = dlib.face_recognition_model_v1(str(path))
    return lambda chips: np.array(network.compute_face_descriptor(chips))


def describe(faces: Dataset, network: Describe) -> pd.DataFrame:
    """Return a table with the description of each image, averaged with its mirror image's.

    Parameters
    ----------
    faces : Dataset
    network : callable

    Returns
    -------
    pandas.DataFrame
        ``sample_id``, and a column a number.
    """
    parts = []
    for start in range(0, len(faces), BATCH):
        rows = range(start, min(start + BATCH, len(faces)))
        chips = [small(faces.read(row)) for row in rows]
        mirrored = [np.ascontiguousarray(chip[:, ::-1]) for chip in chips]
        parts.append((np.asarray(network(chips)) + np.asarray(network(mirrored))) / 2)
        print(f"described {rows.stop:,} of {len(faces):,} faces", end="\r", flush=True)
    print()
    numbers = np.concatenate(parts)
    table = pd.DataFrame(numbers, columns=[f"number_{place}" for place in range(numbers.shape[1])])
    table.insert(0, "sample_id", faces.table["sample_id"].to_numpy())
    return table


def small(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the image at the size that the network wants."""
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(
        np.uint8, copy=False
    )


def make_hints(known: Dataset, descriptions: pd.DataFrame) -> pd.DataFrame:
    """Return the eight hints for each image, in standard deviations.

    Parameters
    ----------
    known : Dataset
        Training images, with the tasks age and gender. Labels of no others are looked at; those
        with a label missing get hints too.
    descriptions : pandas.DataFrame
        What `describe` returns, of these images at least.

    Returns
    -------
    pandas.DataFrame
        ``sample_id`` and ``hint_1`` to ``hint_8``, the columns of `HINTS`.
    """
    from sklearn.cross_decomposition import PLSRegression

    ids = known.table["sample_id"]
    numbers = descriptions.set_index("sample_id").loc[ids].to_numpy(float)
    labelled = known.table[["age", "gender"]].notna().all(axis=1).to_numpy()
    squares = PLSRegression(n_components=len(HINTS), max_iter=2000)
    squares.fit(numbers[labelled], looks(known.table[labelled]))
    sums = squares.transform(numbers)
    table = pd.DataFrame((sums - sums.mean(0)) / sums.std(0), columns=list(HINTS))
    table.insert(0, "sample_id", ids.to_numpy())
    return table


def looks(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return what the hints are to go with: gender, age, age groups, and those of men alone."""
    male = (table["gender"] == "male").to_numpy(float)
    ages = table["age"].to_numpy(float)
    groups = pd.get_dummies(pd.cut(ages, AGES, right=False)).to_numpy(float)
    growth = np.log(ages + 5)  # a year changes a child more than it changes an adult
    return np.column_stack([male, growth, groups, groups * male[:, None]])
