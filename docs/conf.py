"""Sphinx configuration. Nothing is fetched from a network while the pages are built."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sphinx.application import Sphinx

import faceattr
from faceattr import BalancedSampler, BinnedEvaluator, Dataset
from faceattr.report import new_figure
from faceattr.training import plot_augmentations

project = "faceattr"
author = "faceattr contributors"
copyright = "2026, faceattr contributors"
version = release = faceattr.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = f"faceattr {release}"
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_display_short_literal_types = True

numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# What is described are parameters of the signature, in its order.
numpydoc_validation_checks = {"PR02", "PR03", "GL03"}

nitpicky = True
nitpick_ignore_regex = [
    # Other projects' names cannot be resolved without fetching their inventories.
    (r"py:.*", r"(?!faceattr(\.|$)).*"),
    # Type variables, and types that are only named inside, have no page.
    (r"py:.*", r"faceattr\.\w+\.[A-Z]"),
    (r"py:.*", r"faceattr(\.\w+){3,}"),
    (r"py:.*", r"faceattr\._\w+\.\w+"),
]

FIGURES = Path(__file__).parent / "_build" / "figures"


def draw_figures(app: Sphinx) -> None:
    """Draw the pictures of the pages; none is kept in the repository."""
    faces = Dataset.synthetic(400, seed=0)
    table = faces.table.sort_values("age")
    rows = []
    for gender in ("female", "male"):
        ordered = table[table["gender"] == gender]
        chosen = ordered.index[np.linspace(0, len(ordered) - 1, 8).astype(int)]
        rows.append(np.hstack([faces.read(position) for position in chosen]))
    FIGURES.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(FIGURES / "drawings.png")
    edges = {"age": [0, 14, 24, 40, 60, None]}
    sampler = BalancedSampler(faces, by=["age", "gender"], bins=edges, max_repeats=5)
    sampler.plot().savefig(FIGURES / "sampling.png", dpi=70)
    plot_augmentations(faces.read(1)).savefig(FIGURES / "augmentations.png", dpi=70)
    draw_errors(faces)


def draw_errors(faces: Dataset) -> None:
    """Draw the errors of a made-up model on drawn faces, as docs/errors.md does."""
    rng = np.random.default_rng(0)
    table = faces.table[["sample_id", "age", "gender", "light"]].copy()
    spread = np.where(table["light"] < 1, 9.0, 4.0)
    table["age_pred"] = np.clip(table["age"] + rng.normal(1, spread), 0, 116)
    right = rng.random(len(table)) < np.where(table["light"] < 1, 0.8, 0.95)
    other = table["gender"].map({"male": "female", "female": "male"})
    table["gender_pred"] = table["gender"].where(right, other)
    evaluation = BinnedEvaluator(
        ["age", "light"], {"light": 3}, n_boot=200, tasks=faces.tasks
    ).evaluate(table)
    figure, [[true, errors], [residuals, bins]] = new_figure(2, 2)
    evaluation.draw(true, "predicted", task="age")
    evaluation.draw(errors, "errors", task="age")
    evaluation.draw(residuals, "residuals", task="age", by="age")
    evaluation.draw(bins, "metric", task="gender", by="light")
    figure.savefig(FIGURES / "errors.png", dpi=80)
    figure, [[ax]] = new_figure(width=7, height=5)
    evaluation.draw_images(ax, faces, "random", by="light")
    figure.savefig(FIGURES / "samples.png", dpi=100)


def setup(app: Sphinx) -> None:
    """Register what this configuration adds to Sphinx."""
    app.connect("builder-inited", draw_figures)
