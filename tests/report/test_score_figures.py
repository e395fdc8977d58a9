"""Histograms of scores, and strips of images along them."""

from __future__ import annotations

import numpy as np
import pytest

from faceattr.exceptions import InvalidArgumentError
from faceattr.report import new_figure, plot_scores, plot_strip
from faceattr.report.style import ACCENT, COLOURS


def draw(values, **options):
    _, [[ax]] = new_figure()
    return plot_scores(ax, values, **{"label": "light", **options})


def counts(ax):
    """Return how many scores are drawn in each colour."""
    from matplotlib.colors import to_hex

    found = {COLOURS[0]: 0, ACCENT: 0}
    for bar in ax.patches:
        found[to_hex(bar.get_facecolor()).upper()] += bar.get_height()
    return found[COLOURS[0]], found[ACCENT]


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e6])
@pytest.mark.parametrize("skewed", [False, True])
def test_bars_count_every_score_on_its_side_of_the_limits(scale: float, skewed: bool) -> None:
    rng = np.random.default_rng(0)
    values = rng.lognormal(2, 2 if skewed else 0.2, 1000) * scale
    low, high = np.quantile(values, [0.13, 0.92])
    ax = draw([*values, np.nan, np.inf], limits=(low, high), unit="levels")
    assert counts(ax) == ((values >= low).sum() - (values > high).sum(), 130 + 80)
    assert ax.get_xscale() == ("log" if skewed else "linear")
    assert ax.get_title(loc="left") == "light (n = 1,000, 2 missing)"
    assert ax.get_xlabel() == "light (levels)"
    assert ax.texts[0].get_text() == f"130 (13.0%) below {low:.4g}\n80 (8.0%) above {high:.4g}"
    assert [line.get_xdata()[0] for line in ax.lines] == [low, high]


def test_a_score_on_the_limit_is_within() -> None:
    ax = draw([1, 2, 2, 3], limits=(2, 2))
    assert counts(ax) == (2, 2)


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0], [0.0, 1.0], [-3.0, 400.0, 1.0], range(30)])
def test_few_scores_and_equal_ones(values) -> None:
    ax = draw(values)
    assert counts(ax) == (len(values), 0)
    assert not ax.texts


def test_no_scores() -> None:
    ax = draw([np.nan], limits=(3, None))
    assert [text.get_text() for text in ax.texts] == ["no scores", "0 below 3"]


def test_a_strip() -> None:
    _, [[ax]] = new_figure()
    images = [np.full((h, w, 3), 9, np.uint8) for h, w in ((10, 10), (400, 100), (1, 300))]
    plot_strip(ax, images, ["a", "b", "c"], title="best to worst")
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
    dark = [(np.asarray(image.get_array()) < 100).mean() for image in ax.images]
    assert dark == pytest.approx([1.0, 0.25, 1 / 160], abs=0.01)  # proportions are kept
    with pytest.raises(InvalidArgumentError, match="not a caption for each"):
        plot_strip(ax, images, ["a"])


def test_panels_of_different_widths() -> None:
    figure, [[left, right]] = new_figure(1, 2, width_ratios=(1, 3))
    figure.draw_without_rendering()
    assert right.get_position().width > 2 * left.get_position().width
