"""Figures of errors and strips of images: what is drawn is what the numbers say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from faceattr.exceptions import InvalidArgumentError
from faceattr.report import (
    new_figure,
    plot_confusion,
    plot_errors,
    plot_metric_by_bin,
    plot_strips,
    plot_true_probability,
)
from faceattr.report.style import Panel, single_figure


@pytest.fixture
def ax() -> Axes:
    _, panels = new_figure()
    return panels[0][0]


def title(ax: Axes) -> str:
    return ax.get_title(loc="left")


def heights(ax: Axes) -> np.ndarray:
    return np.array([patch.get_height() for patch in ax.patches])


class TestErrors:
    def test_every_error_is_in_a_bar(self, ax: Axes) -> None:
        rng = np.random.default_rng(0)
        errors = np.append(rng.normal(2, 5, 400), [np.nan, np.inf])
        assert plot_errors(ax, errors, name="age", unit="years") is ax
        assert title(ax) == "age: errors (n = 400)"
        assert ax.get_xlabel().startswith("prediction - truth (years)")
        assert heights(ax).sum() == 400

    def test_median_and_bias_are_drawn_and_written(self, ax: Axes) -> None:
        plot_errors(ax, [-1.0, 0.0, 0.0, 1.0, 10.0])
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == ["median +0", "mean (bias) +2"]
        assert [line.get_xdata()[0] for line in ax.get_lines()] == [0, 0.0, 2.0]

    def test_errors_far_out_are_counted_at_the_edge(self, ax: Axes) -> None:
        errors = np.append(np.linspace(-1, 1, 999), [500.0])
        plot_errors(ax, errors)
        assert "also 1 beyond" in ax.get_xlabel()
        assert heights(ax).sum() == 1000
        assert ax.patches[-1].get_x() + ax.patches[-1].get_width() < 2

    @pytest.mark.parametrize("errors", [[0.0], [0.0, 0.0], [3.0], []])
    def test_few_errors(self, ax: Axes, errors: list[float]) -> None:
        plot_errors(ax, errors)
        assert f"(n = {len(errors)})" in title(ax)
        assert heights(ax).sum() == len(errors)


class TestTrueProbability:
    def test_right_and_wrong_stand_on_each_other(self, ax: Axes) -> None:
        probability, wrong = [0.97, 0.96, 0.55, 0.52, 0.1, np.nan], [0, 0, 0, 1, 1, 1]
        assert plot_true_probability(ax, probability, wrong, name="race") is ax
        assert title(ax) == "race: how sure (n = 5)"
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == ["right (3)", "wrong (2)"]
        right, others = heights(ax)[:20], heights(ax)[20:]
        assert (right[19], right[11], right[10]) == (2, 1, 0)
        assert (others[10], others[2], others.sum()) == (1, 1, 2)

    def test_none(self, ax: Axes) -> None:
        plot_true_probability(ax, [np.nan], [True])
        assert "(n = 0)" in title(ax)
        assert ax.texts[0].get_text() == "no probabilities"


class TestStrips:
    def test_a_row_a_group(self, ax: Axes) -> None:
        image = np.zeros((10, 20, 3), np.uint8)
        strips = {"0-4": [(image, "1"), (image, "2")], "4-14": [(image, "9\nx")], "80+": []}
        assert plot_strips(ax, strips, title="samples by age") is ax
        assert title(ax) == "samples by age (n = 3)"
        assert len(ax.images) == 3
        assert [text.get_text() for text in ax.texts] == ["0-4", "1", "2", "4-14", "9\nx", "80+"]
        tops = [picture.get_extent()[3] for picture in ax.images]
        assert tops[0] == tops[1] < tops[2]
        left, right = ax.get_xlim()
        assert all(left <= p.get_extent()[0] < p.get_extent()[1] <= right for p in ax.images)
        assert ax.get_ylim()[0] >= 3 * (tops[2] - tops[0])

    def test_no_images_and_no_groups(self, ax: Axes) -> None:
        plot_strips(ax, {"a": []})
        assert title(ax) == "Samples (n = 0)"
        assert ax.texts[-1].get_text() == "no images"
        with pytest.raises(InvalidArgumentError, match="no strip"):
            plot_strips(ax, {})


class TestMany:
    def test_many_classes_are_colours_alone(self, ax: Axes) -> None:
        counts = np.eye(60, dtype=int)
        plot_confusion(ax, counts, [f"class {place} of a very long name" for place in range(60)])
        assert not list(ax.texts)
        assert "(n = 60)" in title(ax)
        assert ax.figure is not None
        assert ax.figure.axes[1].get_ylabel() == "share of the true class"
        assert max(len(text.get_text()) for text in ax.get_xticklabels()) == 24

    def test_text_fits_its_cell(self) -> None:
        sizes = []
        for count in (2, 10):
            _, [[ax]] = new_figure()
            plot_confusion(ax, np.full((count, count), 12345), list(map(str, range(count))))
            sizes.append(ax.texts[0].get_fontsize())
        assert sizes[0] == 9
        assert 4.5 < sizes[1] < 9

    def test_a_bin_that_is_too_small_is_marked(self, ax: Axes) -> None:
        rows = pd.DataFrame(
            {
                "bin": ["a", "b", "c"],
                "value": [1.0, np.nan, np.nan],
                "n": [20, 3, 0],
                "ci_low": [0.5, np.nan, np.nan],
                "ci_high": [1.5, np.nan, np.nan],
            }
        )
        plot_metric_by_bin(ax, rows, label="MAE", overall=1.0)
        marks = next(line for line in ax.get_lines() if "too few" in str(line.get_label()))
        assert list(marks.get_xdata()) == [1]
        assert title(ax).endswith("(n = 23)")

    def test_a_panel_becomes_a_figure_of_its_size(self) -> None:
        figure = single_figure(Panel(lambda ax: plot_errors(ax, [1.0]), 6.0, 2.0))
        assert list(figure.get_size_inches()) == [6.0, 2.0]
        assert title(figure.axes[0]) == "Prediction: errors (n = 1)"
        assert Panel(lambda ax: ax, 6.0, 2.0).is_wide
        assert not Panel(lambda ax: ax, 4.0, 2.0).is_wide
