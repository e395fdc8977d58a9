from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from faceattr.binning import Bins
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.report import (
    gallery,
    new_figure,
    plot_confusion,
    plot_history,
    plot_image,
    plot_learning_rate,
    plot_losses,
    plot_metric_by_bin,
    plot_residuals,
    plot_true_and_predicted,
)

BINS = pd.DataFrame(
    {
        "bin": ["0-4", "4-14", "14+"],
        "value": [1.0, 2.0, np.nan],
        "n": [1200, 7, 0],
        "ci_low": [0.5, np.nan, np.nan],
        "ci_high": [1.7, np.nan, np.nan],
    }
)
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train_loss": [3.0, 2.0, 1.0],
        "valid_loss": [3.5, 2.5, 2.4],
        "lr": [0.001, 0.01, 0.0001],
        "train_age_loss": [1.0, 0.9, 0.8],
        "valid_age_loss": [1.1, 1.0, 1.0],
        "valid_age_mae": [9.0, 8.0, 7.0],
    }
)


@pytest.fixture
def ax() -> Axes:
    _, panels = new_figure()
    return panels[0][0]


def title(ax: Axes) -> str:
    return ax.get_title(loc="left")


PANELS: dict[str, Callable[[Axes], Axes]] = {
    "true": lambda ax: plot_true_and_predicted(ax, [1, 2], [1.5, 2]),
    "residuals": lambda ax: plot_residuals(ax, [1, -2], Bins((0, 5, None)).assign([1, 9])),
    "metric": lambda ax: plot_metric_by_bin(ax, BINS, label="MAE"),
    "confusion": lambda ax: plot_confusion(ax, [[3, 1], [0, 2]], ["a", "b"]),
    "losses": lambda ax: plot_losses(ax, HISTORY),
    "rate": lambda ax: plot_learning_rate(ax, HISTORY),
    "image": lambda ax: plot_image(ax, np.zeros((4, 4, 3), np.uint8), "caption"),
}


@pytest.mark.parametrize("name", sorted(PANELS))
def test_a_panel_returns_what_it_was_given_and_can_be_written(
    ax: Axes, name: str, tmp_path: Path
) -> None:
    assert PANELS[name](ax) is ax
    assert ax.figure is not None
    ax.figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.parametrize("name", sorted(PANELS))
def test_a_panel_leaves_matplotlib_as_it_was(ax: Axes, name: str) -> None:
    before = dict(mpl.rcParams)
    PANELS[name](ax)
    assert dict(mpl.rcParams) == before


def test_figures_are_freed_like_other_objects() -> None:
    figure, _ = new_figure()
    alive = weakref.ref(figure)
    del figure, _
    gc.collect()
    assert alive() is None


def test_notebooks_show_a_figure() -> None:
    figure, _ = new_figure()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_pyplot_and_torch_are_not_needed() -> None:
    code = (
        "import sys, faceattr.report as report\n"
        "report.gallery([__import__('numpy').zeros((4, 4, 3), 'uint8')], ['x'])\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib.pyplot')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestTrueAndPredicted:
    def test_units_counts_and_equal_scales(self, ax: Axes) -> None:
        truth, guess = [1.0, 50.0, np.nan, 3.0], [2.0, 90.0, 4.0, np.inf]
        plot_true_and_predicted(ax, truth, guess, name="age", unit="years")
        assert title(ax) == "age: predicted and true (n = 2)"
        assert ax.get_xlabel() == "true age (years)"
        assert ax.get_ylabel() == "predicted age (years)"
        assert ax.get_xlim() == ax.get_ylim()
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[1, 2], [50, 90]])

    @pytest.mark.parametrize("values", [[], [3.0]], ids=["none", "one"])
    def test_few_rows(self, ax: Axes, values: list[float]) -> None:
        plot_true_and_predicted(ax, values, values)
        assert f"(n = {len(values)})" in title(ax)


class TestBins:
    def test_every_bin_tells_its_rows(self, ax: Axes) -> None:
        plot_metric_by_bin(ax, BINS, label="MAE (years)", by="age", overall=1.5)
        assert [tick.get_text() for tick in ax.get_xticklabels()] == [
            "0-4\n1,200",
            "4-14\n7",
            "14+\n0",
        ]
        assert title(ax) == "MAE (years) by age (n = 1,207)"
        legend = ax.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == [
            "all rows: 1.5",
            "with 95% interval",
        ]

    def test_intervals_are_where_they_should_be(self, ax: Axes) -> None:
        plot_metric_by_bin(ax, BINS, label="MAE")
        segments = ax.containers[0][2][0].get_segments()
        np.testing.assert_allclose(segments[0], [[0, 0.5], [0, 1.7]])

    def test_crowded_labels_are_turned(self, ax: Axes) -> None:
        many = pd.concat([BINS] * 8)
        plot_metric_by_bin(ax, many, label="MAE")
        assert {tick.get_rotation() for tick in ax.get_xticklabels()} == {45.0}

    def test_a_missing_column(self, ax: Axes) -> None:
        with pytest.raises(TableError, match="ci_low"):
            plot_metric_by_bin(ax, BINS.drop(columns="n"), label="MAE")

    def test_residuals_keep_empty_bins(self, ax: Axes) -> None:
        groups = Bins((0, 5, 10, None)).assign([1, 2, 3, 20, 21])
        plot_residuals(ax, [1, 2, 3, -1, np.nan], groups, name="age", unit="years", by="age")
        labels = [tick.get_text() for tick in ax.get_xticklabels()]
        assert labels == ["0-5\n3", "5-10\n0", "10+\n1"]
        assert title(ax) == "age: errors by age (n = 4)"
        assert ax.get_ylabel() == "prediction - truth (years)"

    def test_boxes_span_quartiles(self, ax: Axes) -> None:
        values = np.arange(101.0)
        plot_residuals(ax, values, pd.Categorical(["a"] * 101, ["a", "b"]))
        (box,) = ax.patches
        assert (box.get_y(), box.get_height()) == (25, 50)
        ends = np.concatenate([np.concatenate(lines.get_segments()) for lines in ax.collections])
        assert set(ends[:, 1]) == {5, 25, 50, 75, 95}


class TestConfusion:
    def test_counts_and_shares_of_the_true_class(self, ax: Axes) -> None:
        plot_confusion(ax, [[30, 10], [0, 0]], ["male", "female"], name="gender")
        assert [text.get_text() for text in ax.texts] == ["30\n75.0%", "10\n25.0%", "0\n-", "0\n-"]
        assert [tick.get_text() for tick in ax.get_yticklabels()] == [
            "male\n(n = 40)",
            "female\n(n = 0)",
        ]
        assert title(ax) == "gender: confusion (n = 40)"

    def test_shapes_must_fit(self, ax: Axes) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            plot_confusion(ax, [[1, 2, 3]], ["a", "b"])
        assert caught.value.argument == "counts"


class TestHistory:
    def test_a_panel_for_each_thing_that_was_followed(self) -> None:
        figure = plot_history(HISTORY)
        assert [title(ax) for ax in figure.axes if ax.get_visible()] == [
            "Loss (3 epochs)",
            "Learning rate (3 epochs)",
            "age loss (3 epochs)",
            "age MAE (3 epochs)",
        ]
        lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
        np.testing.assert_array_equal(lines["training"], HISTORY["train_loss"])
        np.testing.assert_array_equal(lines["validation"], HISTORY["valid_loss"])

    def test_the_learning_rate_is_written_as_plain_text(self) -> None:
        history = pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1.0], "lr": [2e-4, 1e-4]})
        figure = plot_history(history)
        figure.canvas.draw()
        written = [text.get_text() for text in figure.findobj(mpl.text.Text)]
        assert any("e" in text for text in written)
        assert not [text for text in written if "$" in text or "math" in text]

    def test_one_epoch_without_validation(self) -> None:
        figure = plot_history(HISTORY[["epoch", "train_loss", "lr"]].iloc[:1])
        assert [title(ax) for ax in figure.axes] == ["Loss (1 epoch)", "Learning rate (1 epoch)"]

    @pytest.mark.parametrize("column", ["epoch", "train_loss"])
    def test_a_missing_column(self, column: str) -> None:
        with pytest.raises(TableError, match=column):
            plot_history(HISTORY.drop(columns=column))


class TestGallery:
    def test_captions_in_order_and_no_empty_frames(self) -> None:
        images = [np.full((8, 8, 3), 40 * i, np.uint8) for i in range(5)]
        figure = gallery(images, [f"face {i}" for i in range(5)], columns=3, title="Worst")
        shown = [ax for ax in figure.axes if ax.get_visible()]
        assert [ax.get_xlabel() for ax in shown] == [f"face {i}" for i in range(5)]
        assert figure.get_suptitle() == "Worst (n = 5)"
        np.testing.assert_array_equal(shown[4].images[0].get_array(), images[4])

    @pytest.mark.parametrize(
        ("images", "captions", "columns"),
        [(0, 0, 6), (2, 1, 6), (1, 1, 0)],
        ids=["none", "captions", "columns"],
    )
    def test_what_makes_no_gallery(self, images: int, captions: int, columns: int) -> None:
        faces: list[Any] = [np.zeros((4, 4, 3), np.uint8)] * images
        with pytest.raises(InvalidArgumentError):
            gallery(faces, ["x"] * captions, columns=columns)
