"""Numbers that occur too often: guesses, defaults and round figures among the labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.tasks import RegressionTask, TaskSet

__all__ = ["LEAST_RATIO", "ROUGH", "heaping_table", "pile_up_table", "value_counts"]

LEAST_RATIO = 2.0
"""How many times the expected count a value must have to be a pile-up."""

ROUGH = 125.0
"""Whipple's index from which ages are called rough by the United Nations' scale."""

_NEIGHBOURS = 4
_LEAST_P = 0.01
_LEAST_COUNT = 10
_MOST_VALUES = 10_000
_WHIPPLE_AGES = (23, 62)
_LEAST_FOR_WHIPPLE = 100
_PILES = {
    "task": "str", "value": "float64", "n": "int64", "expected": "float64", "ratio": "float64",
    "p": "float64",
}  # fmt: skip
_HEAPING = {"task": "str", "whipple": "float64", "n": "int64"}


def pile_up_table(table: pd.DataFrame, tasks: TaskSet) -> pd.DataFrame:
    """List the values of whole-number labels that occur far more often than their neighbours.

    Expected is the median count of the four values below, or of the four values above, whichever is
    larger: so neither a slope nor a pile beside it makes a pile of a value. At the ends of the
    range only one side is there. A value is listed if it occurs at least ten times, twice as often
    as expected, and more often than a Poisson count with that mean would by chance (p below 0.01,
    divided by the number of values).

    Parameters
    ----------
    table : pandas.DataFrame
        An index table.
    tasks : TaskSet
        Numbers with labels that are not all whole are passed over.

    Returns
    -------
    pandas.DataFrame
        ``task``, ``value`` (float64), ``n`` (int64), ``expected``, ``ratio``, ``p`` (float64); the
        largest surplus ``n - expected`` of a task is first.
    """
    parts = [pd.DataFrame(columns=list(_PILES)).astype(_PILES)]
    for task in tasks.values():
        if isinstance(task, RegressionTask):
            values, counts = value_counts(table[task.name])
            parts.append(_piles(values, counts).assign(task=task.name)[list(_PILES)])
    return pd.concat(parts, ignore_index=True).astype(_PILES)


def value_counts(labels: pd.Series) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Count every whole number from the lowest label to the highest; nothing if not all are whole.

    Returns
    -------
    values : numpy.ndarray of float64, shape (k,)
    counts : numpy.ndarray of int64, shape (k,)
    """
    known = labels.dropna().to_numpy(dtype=np.float64)
    whole = bool(len(known)) and np.array_equal(known, np.round(known))
    if not whole or known.max() - known.min() > _MOST_VALUES:
        return np.empty(0), np.empty(0, dtype=np.int64)
    lowest = known.min()
    counts = np.bincount((known - lowest).astype(np.int64))
    return lowest + np.arange(len(counts)), counts.astype(np.int64)


def _piles(values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> pd.DataFrame:
    from scipy.stats import poisson  # late: scipy takes longer to load than the rest

    expected = np.array([_expected(counts, place) for place in range(len(counts))])
    found = pd.DataFrame({"value": values, "n": counts, "expected": expected})
    found["ratio"] = found["n"] / found["expected"]
    found["p"] = poisson.sf(counts - 1, expected)
    real = found["p"] < _LEAST_P / max(len(counts), 1)
    found = found[real & (found["ratio"] >= LEAST_RATIO) & (found["n"] >= _LEAST_COUNT)]
    surplus = (found["expected"] - found["n"]).sort_values(kind="stable")
    return found.loc[surplus.index]


def _expected(counts: npt.NDArray[np.int64], place: int) -> float:
    below = counts[max(0, place - _NEIGHBOURS) : place]
    above = counts[place + 1 : place + 1 + _NEIGHBOURS]
    sides = [float(np.median(side)) for side in (below, above) if len(side)]
    # A value alone has nothing to be compared with.
    return max([*sides, 1.0]) if sides else float(counts[place])


def heaping_table(table: pd.DataFrame, tasks: TaskSet) -> pd.DataFrame:
    """Measure how much ages heap on those that end in 0 or 5.

    Whipple's index is the share of such ages among those of 23 to 62, times 500: 100 if they are as
    frequent as others, 500 if there are no others. On the scale of the United Nations below 105 is
    highly accurate, 125 and above rough, 175 and above very rough.

    Parameters
    ----------
    table : pandas.DataFrame
        An index table.
    tasks : TaskSet
        Those with the unit "years" are measured, if all labels are whole and at least 100 lie
        between 23 and 62.

    Returns
    -------
    pandas.DataFrame
        ``task``, ``whipple`` (float64), ``n`` (int64, labels from 23 to 62).

    References
    ----------
    Spoorenberg and Dutreuilh 2007, "Quality of Age Reporting: Extension and Application of the
    Modified Whipple's Index", Population 62(4).
    """
    rows = []
    for task in tasks.values():
        if not isinstance(task, RegressionTask) or task.unit != "years":
            continue
        values, counts = value_counts(table[task.name])
        middle = (values >= _WHIPPLE_AGES[0]) & (values <= _WHIPPLE_AGES[1])
        total = int(counts[middle].sum())
        if total >= _LEAST_FOR_WHIPPLE:
            heaped = int(counts[middle & (values % 5 == 0)].sum())
            rows.append((task.name, 500.0 * heaped / total, total))
    return pd.DataFrame(rows, columns=list(_HEAPING)).astype(_HEAPING)
