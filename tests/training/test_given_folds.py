"""Cross-validation over the folds that a data set comes with."""

import numpy as np
import pytest

from faceattr.exceptions import DataError, TrainingError
from training.samples import drawings
from training.test_cross_validation import run, watch


def folded(names):
    faces = drawings(24)
    return faces.with_labels(faces.table[["sample_id"]].assign(official=names))


def test_each_given_fold_is_predicted_without_it(monkeypatch):
    names = ["10", "2", "3"] * 8
    faces = folded(names)
    seen = watch(monkeypatch)
    predictions = run(faces, k="official")
    ids = faces.table["sample_id"]
    assert predictions["sample_id"].tolist() == ids.tolist()
    assert predictions["official"].tolist() == names
    assert "split" not in predictions
    order = ["2", "3", "10"]
    np.testing.assert_array_equal(predictions["fold"], [order.index(name) for name in names])
    for name, trained in zip(order, seen, strict=True):
        assert trained == set(ids[np.array(names) != name])


def test_persons_in_two_folds_are_told(caplog):
    faces = folded(["a", "b"] * 12)
    some = faces.with_labels(faces.table[["sample_id"]].assign(person=["p", "p", *range(22)]))
    with caplog.at_level("WARNING", logger="faceattr"):
        run(some, k="official", groups="person")
    assert "2 images of 1 groups lie in more than one part" in caplog.text


def test_one_fold_is_none_and_other_folds_are_another_run(tmp_path):
    with pytest.raises(DataError, match=r"k: these are no folds.*'official', which names 'a';"):
        run(folded(["a"] * 24), k="official")
    run(folded(["a", "b"] * 12), k="official", folder=tmp_path)
    again = run(folded(["a", "b"] * 12), k="official", folder=tmp_path)
    assert sorted(again["fold"].unique()) == [0, 1]
    with pytest.raises(TrainingError) as caught:
        run(folded(["a", "a", "b", "b"] * 6), k="official", folder=tmp_path)
    assert caught.value.rows == ("columns.official",)
    with pytest.raises(TrainingError) as caught:
        run(folded(["a", "b"] * 12), k=2, folder=tmp_path)
    assert "folds.k" in caught.value.rows
