"""Balanced plans: shares, repeats, caps, order."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceattr import BalancedSampler, ClassificationTask, Dataset, RegressionTask
from faceattr.data import LabelDistributionSmoothing
from faceattr.data.sampling import shuffled_plan
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError, TableError

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
GENDER = ClassificationTask("gender", ("male", "female"))


def faces(ages, genders=None, **columns):
    n = len(ages)
    genders = ["male", "female"] * n if genders is None else genders
    table = pd.DataFrame(
        {
            "sample_id": [f"{row}.jpg" for row in range(n)],
            "path": [f"synthetic:0/{row}/32" for row in range(n)],
            "age": np.asarray(ages, dtype=np.float64),
            "gender": list(genders)[:n],
            **columns,
        }
    )
    return Dataset(table, tasks=[AGE, GENDER])


def many(seed, n):
    rng = np.random.default_rng(seed)
    return faces(
        np.minimum(rng.gamma(2.0, 16.0, n).round(), 116), rng.choice(["male", "female"], n)
    )


def shown(sampler, epoch=0):
    return np.bincount(sampler.plan(epoch)[:, 0], minlength=len(sampler.dataset))


datasets = st.builds(many, st.integers(0, 50), st.integers(5, 120))
samplers = st.builds(
    BalancedSampler,
    datasets,
    st.sampled_from([["age"], ["gender"], ["age", "gender"]]),
    strength=st.floats(0, 1),
    epoch_size=st.none() | st.integers(1, 400),
    seed=st.integers(0, 2**32),
)


@settings(max_examples=60)
@given(samplers, st.integers(0, 40))
def test_every_cell_gets_its_share_to_less_than_one_image(sampler, epoch):
    report = sampler.report()
    cells = sampler.dataset.table.assign(shown=shown(sampler, epoch))
    numbers = sampler._cells.groups.numbers()
    counts = np.bincount(numbers, weights=cells["shown"], minlength=len(report.cells))
    wanted = report.cells["images_per_epoch"].to_numpy()
    assert counts.sum() == report.epoch_size
    assert (np.abs(counts - wanted) < 1 + 1e-6).all()
    p = report.cells["share_after"].to_numpy()
    bound = 5 * np.sqrt(report.epoch_size * p * (1 - p)) + 1
    assert (np.abs(counts - report.epoch_size * p) <= bound).all()


@settings(max_examples=40)
@given(samplers, st.integers(0, 40))
def test_images_of_a_cell_are_shown_as_often_as_each_other(sampler, epoch):
    counts, numbers = shown(sampler, epoch), sampler._cells.groups.numbers()
    most = sampler.report().cells["most_repeats"].to_numpy()
    for cell in np.unique(numbers):
        own = counts[numbers == cell]
        assert own.max() - own.min() <= 1
        assert own.max() <= most[cell]


@settings(max_examples=40)
@given(samplers, st.integers(0, 40))
def test_repeats_are_numbered_and_spread_over_the_epoch(sampler, epoch):
    plan = sampler.plan(epoch)
    for image in np.unique(plan[:, 0]):
        places = np.flatnonzero(plan[:, 0] == image)
        count = len(places)
        assert sorted(plan[places, 1]) == list(range(count))
        if count > 1 and len(plan) > 50:
            # One in each of as many stretches, but for what others push it along.
            assert np.ptp(places) >= (count - 2) / count * len(plan) * 0.5


@settings(max_examples=40)
@given(datasets, st.integers(0, 2**32), st.integers(0, 40))
def test_strength_zero_is_the_identity(data, seed, epoch):
    sampler = BalancedSampler(data, ["age", "gender"], strength=0, seed=seed)
    np.testing.assert_array_equal(sampler.plan(epoch), shuffled_plan(len(data), seed, epoch))
    report = sampler.report()
    assert report.effective_sample_size == pytest.approx(len(data))
    assert report.largest_repeat == 1


@settings(max_examples=40)
@given(datasets, st.integers(1, 6), st.floats(0, 1), st.integers(0, 30))
def test_caps_hold_in_every_epoch(data, cap, strength, epoch):
    sampler = BalancedSampler(data, ["age", "gender"], strength=strength, max_repeats=cap)
    assert shown(sampler, epoch).max() <= cap
    assert len(sampler.plan(epoch)) == len(data)


def test_what_a_capped_cell_may_not_have_goes_to_the_others_in_proportion():
    data = faces([2] * 2 + [20] * 10 + [50] * 40)
    sampler = BalancedSampler(data, "age", {"age": [0, 10, 30, 60]}, max_repeats=3)
    report = sampler.report()
    assert report.cells["images_per_epoch"].tolist() == pytest.approx([6, 23, 23])
    assert report.cells["capped"].tolist() == [True, False, False]
    assert "max_repeats holds 1 cells" in report.summary()


def test_strength_one_gives_equal_shares_to_cells_that_hold_images():
    report = BalancedSampler(many(0, 500), ["age", "gender"]).report()
    filled = report.cells[report.cells["n"] > 0]
    np.testing.assert_allclose(filled["share_after"], 1 / len(filled))


def test_strength_between_is_a_power_of_the_count():
    data = faces([2] * 4 + [20] * 16 + [50] * 64)
    report = BalancedSampler(data, "age", {"age": [0, 10, 30, 60]}, strength=0.5).report()
    np.testing.assert_allclose(report.cells["share_after"], np.array([2, 4, 8]) / 14)


def test_a_cell_shown_less_than_once_shows_all_its_images_before_any_comes_back():
    data = faces([2] * 10 + [30] * 95)
    sampler = BalancedSampler(data, "age", {"age": [0, 10, 60]}, epoch_size=60)
    common = np.flatnonzero(data.table["age"] == 30)
    total = np.zeros(len(common), dtype=int)
    for epoch in range(30):
        total += shown(sampler, epoch)[common]
        assert total.max() - total.min() <= 1


@settings(max_examples=20)
@given(samplers)
def test_over_epochs_images_are_shown_as_often_as_expected(sampler):
    epochs = 25
    mean = sum(shown(sampler, epoch) for epoch in range(epochs)) / epochs
    expected = sampler.expected_repeats()
    assert expected.index.tolist() == sampler.dataset.table["sample_id"].tolist()
    # The tapes are off by one image each, the systematic rounding by a few.
    assert (np.abs(mean - expected.to_numpy()) <= 4 / epochs + 1e-9).all()


@settings(max_examples=30)
@given(samplers, st.integers(0, 50))
def test_a_plan_depends_on_labels_seed_and_epoch_alone(sampler, epoch):
    again = BalancedSampler(
        sampler.dataset,
        sampler.by,
        strength=sampler.strength,
        epoch_size=sampler.epoch_size,
        seed=sampler.seed,
    )
    sampler.plan(0)
    np.testing.assert_array_equal(sampler.plan(epoch), again.plan(epoch))
    assert again.plan(epoch).dtype == np.int64


def test_epochs_and_seeds_differ():
    data = many(1, 300)
    first = BalancedSampler(data, "age", seed=0)
    plans = [first.plan(0), first.plan(1), BalancedSampler(data, "age", seed=1).plan(0)]
    assert not (plans[0] == plans[1]).all()
    assert not (plans[0] == plans[2]).all()
    # Not the order alone: another choice of the images that are shown less than once.
    assert set(plans[0][:, 0]) != set(plans[1][:, 0])


def test_which_appearance_has_the_number_zero_is_spread_over_the_epoch():
    data = faces([2] * 20 + [30] * 200)
    sampler = BalancedSampler(data, "age", {"age": [0, 10, 60]}, epoch_size=2000)
    plan = sampler.plan(0)
    moments = np.flatnonzero(plan[:, 1] == 0) / len(plan)
    assert abs(moments.mean() - 0.5) < 0.1


def test_empty_cells_are_named():
    data = faces([2, 2, 30, 30], ["male", "male", "male", "female"])
    report = BalancedSampler(data, ["age", "gender"], {"age": [0, 10, 60]}).report()
    assert report.empty.astype(str).to_numpy().tolist() == [["0-10", "female"]]
    assert "no image in 1 cells: 0-10 / female" in str(report)
    assert report.cells["share_after"].tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])


def test_the_report_counts_by_hand():
    data = faces([2] * 2 + [30] * 8)
    report = BalancedSampler(data, "age", {"age": [0, 10, 60]}).report()
    assert report.cells["mean_repeats"].tolist() == [2.5, 0.625]
    assert report.cells["most_repeats"].tolist() == [3, 1]
    assert report.effective_sample_size == pytest.approx(100 / (2 * 2.5**2 + 8 * 0.625**2))
    assert report.largest_repeat == 3
    share = report.share("age")
    assert share["share_before"].tolist() == [0.2, 0.8]
    assert share["share_after"].tolist() == [0.5, 0.5]
    with pytest.raises(InvalidArgumentError, match="column"):
        report.share("gender")


def test_shares_of_one_column_sum_over_the_others():
    report = BalancedSampler(many(3, 400), ["age", "gender"], strength=0.7).report()
    share = report.share("gender")
    assert share["n"].sum() == 400
    assert share["share_after"].sum() == pytest.approx(1)
    own = report.cells[report.cells["gender"] == "female"]
    assert share["images_per_epoch"].iloc[1] == pytest.approx(own["images_per_epoch"].sum())


def test_smoothing_weighs_by_the_neighbours_counts():
    ages = [20] * 50 + [21] * 2 + [22] * 50 + [60] * 2
    smoothing = LabelDistributionSmoothing(sigma=1.0, kernel_size=3)
    sampler = BalancedSampler(faces(ages), "age", {"age": smoothing})
    kernel = np.exp([-0.5, 0.0, -0.5])
    kernel /= kernel.sum()
    middle = 50 * kernel[0] + 2 * kernel[1] + 50 * kernel[2]
    # At an end of the range the part of the kernel that lies inside counts in full.
    low = (50 * kernel[1] + 2 * kernel[2]) / (kernel[1] + kernel[2])
    high = 2 * kernel[1] / (kernel[0] + kernel[1])
    expected = sampler.expected_repeats().to_numpy()[[0, 50, 102]]
    np.testing.assert_allclose(expected / expected[0], [1, low / middle, low / high], rtol=1e-9)


def test_without_reach_smoothing_is_bins_of_single_values():
    data = many(2, 300)
    smoothed = BalancedSampler(data, "age", {"age": LabelDistributionSmoothing(kernel_size=1)})
    single = BalancedSampler(data, "age", {"age": np.arange(-1.0, 117.0).tolist()})
    np.testing.assert_allclose(smoothed.expected_repeats(), single.expected_repeats())


def test_smoothing_names_whole_values_and_leaves_gaps_empty():
    report = BalancedSampler(
        faces([3, 5, 5]), "age", {"age": LabelDistributionSmoothing()}
    ).report()
    assert report.cells["age"].astype(str).tolist() == ["3", "4", "5"]
    assert report.empty["age"].astype(str).tolist() == ["4"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"width": 0}, "width"),
        ({"sigma": -1}, "sigma"),
        ({"kernel_size": 4}, "kernel_size"),
        ({"kernel_size": 0}, "kernel_size"),
    ],
)
def test_a_wrong_smoothing_is_refused(arguments, named):
    with pytest.raises(InvalidArgumentError) as caught:
        LabelDistributionSmoothing(**arguments)
    assert caught.value.argument == named


def test_narrow_bins_and_text_cannot_be_smoothed():
    data = faces([3, 50, 80])
    narrow = {"age": LabelDistributionSmoothing(width=0.001)}
    with pytest.raises(InvalidArgumentError, match="too narrow"):
        BalancedSampler(data, "age", narrow).plan(0)
    with pytest.raises(InvalidArgumentError, match="only numbers"):
        BalancedSampler(data, "gender", {"gender": LabelDistributionSmoothing()}).plan(0)


def quality_of(data, light):
    return pd.DataFrame({"sample_id": data.table["sample_id"][::-1], "luminance": light[::-1]})


def test_columns_of_a_quality_table_are_joined_by_id():
    data = faces([20] * 6)
    light = [10.0, 200.0, 200.0, 200.0, 200.0, 200.0]
    sampler = BalancedSampler(
        data, "luminance", {"luminance": [0, 50, 255]}, quality=quality_of(data, light)
    )
    assert sampler.expected_repeats().tolist() == pytest.approx([3.0] + [0.6] * 5)


def test_missing_values_are_refused_or_a_cell_as_asked():
    data = faces([20] * 4)
    quality = quality_of(data, [10.0, np.nan, 200.0, 210.0])
    bins = {"luminance": [0, 50, 255]}
    with pytest.raises(DataError) as caught:
        BalancedSampler(data, "luminance", bins, quality=quality).plan(0)
    assert caught.value.rows == ("1.jpg",)
    assert caught.value.argument == "by"
    assert 'missing="cell"' in str(caught.value)
    sampler = BalancedSampler(data, "luminance", bins, quality=quality, missing="cell")
    cells = sampler.report().cells
    assert cells["luminance"].astype(str).tolist() == ["0-50", "50-255", "not scored"]
    assert cells["n"].tolist() == [1, 2, 1]
    np.testing.assert_allclose(cells["share_after"], 1 / 3)


def test_values_beyond_the_edges_are_refused_or_a_cell_as_asked():
    data = faces([5, 30, 90])
    with pytest.raises(DataError, match="1 outside"):
        BalancedSampler(data, "age", {"age": [0, 10, 60]}).plan(0)
    cells = BalancedSampler(data, "age", {"age": [0, 10, 60]}, missing="cell").report().cells
    assert cells["age"].astype(str).tolist() == ["0-10", "10-60", "outside"]


def test_a_range_counts_as_its_middle():
    table = faces([5, 30, 90]).table.assign(
        age=[5.0, np.nan, 90.0], age_min=[np.nan, 20, np.nan], age_max=[np.nan, 29, np.nan]
    )
    data = Dataset(table, tasks=[AGE, GENDER])
    cells = BalancedSampler(data, "age", {"age": [0, 10, 60, 116]}).report().cells
    assert cells["n"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"by": "height"}, TableError, "by"),
        ({"by": []}, InvalidArgumentError, "by"),
        ({"by": ["age", "age"]}, InvalidArgumentError, "by"),
        ({"bins": {"gender": 3}}, InvalidArgumentError, "bins"),
        ({"bins": [0, 20, 116]}, InvalidTypeError, "bins"),
        ({"bins": {"age": [5, 2]}}, InvalidArgumentError, "edges"),
        ({"bins": {"age": "many"}}, InvalidTypeError, "bins['age']"),
        ({"strength": 1.5}, InvalidArgumentError, "strength"),
        ({"strength": "much"}, InvalidTypeError, "strength"),
        ({"max_repeats": 0}, InvalidArgumentError, "max_repeats"),
        ({"max_repeats": 1, "epoch_size": 100}, InvalidArgumentError, "epoch_size"),
        ({"epoch_size": 0}, InvalidArgumentError, "epoch_size"),
        ({"seed": -1}, InvalidArgumentError, "seed"),
        ({"missing": "drop"}, InvalidArgumentError, "missing"),
        ({"dataset": [1, 2]}, InvalidTypeError, "dataset"),
        ({"dataset": many(0, 5).select([])}, DataError, "dataset"),
    ],
)
def test_a_wrong_argument_is_named_when_the_sampler_is_used(arguments, error, named):
    sampler = BalancedSampler(**{"dataset": many(0, 50), "by": "age"} | arguments)
    with pytest.raises(error) as caught:
        sampler.plan(0)
    assert caught.value.argument == named


@pytest.mark.parametrize("epoch", [-1, 0.5])
def test_a_wrong_epoch_is_refused(epoch):
    with pytest.raises((InvalidArgumentError, InvalidTypeError), match="epoch"):
        BalancedSampler(many(0, 50), "age").plan(epoch)


def test_unknown_columns_get_the_quality_hint():
    with pytest.raises(TableError, match="quality=table"):
        BalancedSampler(many(0, 9), "luminance").plan(0)


def test_too_many_cells_are_refused():
    n = 300
    data = faces(np.arange(n) % 100, column=np.arange(n) * 1.0, other=np.arange(n) * 1.0)
    with pytest.raises(InvalidArgumentError, match="too many cells"):
        BalancedSampler(data, ["age", "column", "other"], {"column": 200, "other": 200}).plan(0)


def test_a_sampler_knows_its_data_set():
    data = many(4, 30)
    sampler = BalancedSampler(data, ["age", "gender"])
    sampler.check_dataset(data)
    sampler.check_dataset(Dataset(data.table, tasks=data.tasks))
    with pytest.raises(InvalidArgumentError, match="another data set") as caught:
        sampler.check_dataset(data.select(np.arange(30) < 20))
    assert caught.value.argument == "sampler"
    with pytest.raises(InvalidArgumentError, match="another order"):
        sampler.check_dataset(data.select(data.table["sample_id"].tolist()[::-1]))
    relabelled = data.with_labels(data.table[["sample_id"]].assign(age=30.0))
    with pytest.raises(InvalidArgumentError, match="other labels of 'age'"):
        sampler.check_dataset(relabelled)


def test_other_ranges_are_another_data_set():
    table = faces([5, np.nan]).table.assign(age_min=[np.nan, 20.0], age_max=[np.nan, 29.0])
    data = Dataset(table, tasks=[AGE, GENDER])
    other = Dataset(table.assign(age_max=[np.nan, 39.0]), tasks=[AGE, GENDER])
    with pytest.raises(InvalidArgumentError, match="other labels of 'age_max'"):
        BalancedSampler(data, "age").check_dataset(other)


def test_many_repeats_are_told(caplog):
    data = faces([2] + [30] * 99)
    with caplog.at_level(logging.WARNING):
        BalancedSampler(data, "age", {"age": [0, 10, 60]}).plan(0)
    assert "each of the 1 images of age 0-10 stands in an epoch up to 50 times" in caplog.text


def test_the_record_is_json():
    bins = {"age": LabelDistributionSmoothing(), "gender": 2}
    sampler = BalancedSampler(many(0, 30), ["age", "gender"], bins, max_repeats=3)
    record = json.loads(json.dumps(sampler.to_dict()))
    assert record["bins"]["age"] == {"width": 1.0, "sigma": 2.0, "kernel_size": 5}
    assert record["epoch_size"] == 30
    edges = BalancedSampler(many(0, 30), "age", {"age": [0, 5, None]}).to_dict()["bins"]["age"]
    assert edges == [0.0, 5.0, None]


def test_the_figure_has_a_panel_a_column_and_one_of_all_cells():
    sampler = BalancedSampler(many(0, 300), ["age", "gender"], {"age": [0, 18, 60, None]})
    figure = sampler.plot()
    assert [ax.get_title(loc="left").split(" (")[0] for ax in figure.axes] == [
        "age",
        "gender",
        "age / gender",
    ]
    labels = [text.get_text() for text in figure.axes[2].get_yticklabels()]
    assert labels[0] == "0-18 / male"
    assert len(labels) == 6
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[0].startswith("n = ")
    lines = BalancedSampler(many(0, 300), "age", {"age": LabelDistributionSmoothing()}).plot()
    assert len(lines.axes[0].lines) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"by": [["age", "gender"]]}, "by"),
        ({"by": None}, "by"),
        ({"by": ["luminance"], "quality": {"luminance": 1}}, "quality"),
        ({"by": ["age"], "bins": {"age": ["a", 18]}}, "edges"),
    ],
)
def test_arguments_of_a_wrong_type_are_named(arguments, named):
    with pytest.raises(InvalidTypeError) as caught:
        BalancedSampler(Dataset.synthetic(8, size=16), **arguments).report()
    assert named in str(caught.value.argument)


def test_rounding_leaves_no_value_outside_of_the_narrow_bins():
    faces = Dataset.synthetic(6, size=16)
    table = faces.table.assign(score=[0.6, 0.7, 0.8, 0.9, 0.65, 0.9])
    smoothing = LabelDistributionSmoothing(width=0.3)
    sampler = BalancedSampler(
        Dataset(table, tasks=faces.tasks), by=["score"], bins={"score": smoothing}
    )
    assert sampler.report().cells["n"].sum() == 6
