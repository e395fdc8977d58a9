"""From what an audit found to what a data set and a training take."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceattr._ranges import label_columns, present_columns, range_ends
from faceattr.data.audit.conflicts import members_of
from faceattr.tasks import RegressionTask, Task, TaskSet

__all__ = ["cautious_labels", "common_labels", "group_sizes", "kept_ids", "suspect_factors"]


def kept_ids(table: pd.DataFrame, tasks: TaskSet, duplicates: pd.DataFrame) -> list[str]:
    """Return the ids of one image of each group and of all that are in none, in the table's order.

    Kept is the image that has the label of its group (see `common_labels`) in most tasks, of these
    the one with most labels, and of these the first id.
    """
    members = members_of(table, duplicates)
    common = common_labels(members, tasks)
    agree = pd.Series(0, index=members.index)
    known = pd.Series(0, index=members.index)
    for name in tasks:
        labels = members[name]
        agree += (labels.notna() & (labels == common[name])).fillna(False).astype(int)
        known += labels.notna().astype(int)
    ranked = members.assign(_agree=-agree, _known=-known).sort_values(
        ["group", "_agree", "_known", "sample_id"], kind="stable"
    )
    dropped = set(ranked.loc[ranked.duplicated("group"), "sample_id"])
    return [name for name in table["sample_id"].tolist() if name not in dropped]


def common_labels(
    members: pd.DataFrame, tasks: TaskSet, max_spread: float | None = None
) -> pd.DataFrame:
    """Give all members of a group one label.

    Parameters
    ----------
    members : pandas.DataFrame of n rows
        As `members_of` returns it.
    tasks : TaskSet
    max_spread : float, optional
        Numbers that lie further apart become missing.

    Returns
    -------
    pandas.DataFrame of n rows
        ``sample_id`` and the label columns of all tasks. Of classes the most frequent one, missing
        where two are equally frequent; of numbers the median. Where no number is known but ranges
        are, what these have in common, missing where that is nothing.
    """
    common = members[["sample_id"]].copy()
    for name, task in tasks.items():
        if isinstance(task, RegressionTask):
            columns = _common_numbers(task, members, max_spread)
            for column in label_columns(task, members.columns):
                common[column] = columns[column]
        else:
            common[name] = _most_frequent(members["group"], members[name])
    return common


def _most_frequent(groups: pd.Series, labels: pd.Series) -> pd.Series:
    pairs = pd.DataFrame({"group": groups, "label": labels}).dropna()
    counts = pairs.groupby(["group", "label"]).size().reset_index(name="n")
    best = counts[counts["n"] == counts.groupby("group")["n"].transform("max")]
    alone = best[~best["group"].duplicated(keep=False)].set_index("group")["label"]
    return groups.map(alone).astype("str")


def _common_numbers(
    task: RegressionTask, members: pd.DataFrame, max_spread: float | None
) -> pd.DataFrame:
    labels = members.groupby("group")[task.name]
    found = pd.DataFrame({task.name: labels.transform("median")}, index=members.index)
    if max_spread is not None:
        far = labels.transform("max") - labels.transform("min") > max_spread
        found[task.name] = found[task.name].mask(far)
    if len(present_columns(task, members.columns)) == 2:
        low, high = range_ends(members, task)
        ends = pd.DataFrame({"group": members["group"], "low": low, "high": high})
        grouped = ends.groupby("group")
        lowest, highest = grouped["low"].transform("max"), grouped["high"].transform("min")
        # A number says more than a range; ranges that contradict each other say nothing.
        useless = labels.transform("count").gt(0) | (lowest > highest)
        for name, end in zip(task.range_columns, (lowest, highest), strict=True):
            found[name] = end.mask(useless)
    return found


def cautious_labels(
    table: pd.DataFrame, tasks: TaskSet, duplicates: pd.DataFrame, conflicts: pd.DataFrame
) -> pd.DataFrame:
    """Return the members of conflicting groups without the labels that are in conflict."""
    members = members_of(table, duplicates)
    members = members[members["group"].isin(conflicts["group"])].reset_index(drop=True)
    columns = ["sample_id"]
    for task in tasks.values():
        against = conflicts.loc[conflicts["task"] == task.name, "group"]
        own = _label_names(task, members)
        for column in own:
            members[column] = members[column].mask(members["group"].isin(against))
        columns += own
    return members[columns]


def _label_names(task: Task, members: pd.DataFrame) -> list[str]:
    return label_columns(task, members.columns)


def group_sizes(table: pd.DataFrame, duplicates: pd.DataFrame) -> pd.Series:
    """Return how many images show what an image shows, float64 by ``sample_id``; 1 if it alone."""
    sizes = duplicates.groupby("group")["sample_id"].transform("size")
    found = pd.Series(sizes.to_numpy(dtype=np.float64), index=duplicates["sample_id"].tolist())
    ids = pd.Index(table["sample_id"].tolist(), name="sample_id")
    return found.reindex(ids, fill_value=1.0)


def suspect_factors(issues: pd.DataFrame, factor: float | None) -> pd.Series:
    """Return what the weight of each suspect is multiplied by, by ``sample_id``.

    Parameters
    ----------
    issues : pandas.DataFrame
        Suspects that are an issue, perhaps of several tasks.
    factor : float, optional
        The same for all; by default each one's lowest score.
    """
    scores = issues.groupby("sample_id")["score"].min()
    return scores if factor is None else pd.Series(factor, index=scores.index)
