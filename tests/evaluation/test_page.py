"""The page of an evaluation: every section, every text escaped, every image accounted for."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import BinnedEvaluator, ClassificationTask, RegressionTask
from faceattr.evaluation import Evaluation
from faceattr.evaluation.page import page as page_module
from faceattr.exceptions import (
    DataError,
    InvalidArgumentError,
    InvalidTypeError,
    OutputError,
    TableError,
)
from page_samples import drawings
from prediction_samples import TASKS, make_predictions

EVIL = "<img src=http://a.b/c.png onerror=\"alert(1)\"> & 'x'.jpg"
FACES, TABLE = drawings()


def evaluate(
    table: pd.DataFrame = TABLE, by: Any = ("age", "gender"), **options: Any
) -> Evaluation:
    return BinnedEvaluator(by, **({"n_boot": 0} | options)).evaluate(table)


def page_of(evaluation: Evaluation, folder: Path, images: Any = None, **options: Any) -> str:
    target = folder / "page.html"
    assert evaluation.to_html(target, images, **options) == target
    return target.read_text(encoding="utf-8")


def sections(page: str) -> list[str]:
    return [html.unescape(title) for title in re.findall(r"<h2>(.*?)</h2>", page)]


def section(page: str, title: str) -> str:
    start = page.index(f"<h2>{title}")
    return page[start : page.index("</section>", start)]


def pictures(page: str) -> int:
    return page.count('src="data:image/jpeg')


class TestSections:
    def test_all_are_there_and_linked(self, tmp_path: Path) -> None:
        page = page_of(evaluate(n_boot=20), tmp_path, FACES, title="A model")
        titles = sections(page)
        assert titles == [
            *("Main figures", "Task: age", "Task: gender", "By age", "By gender"),
            *("Most wrong: age", "Most wrong: gender", "Most wrong: both tasks"),
            *("Samples by age", "Samples by gender"),
        ]
        links = re.findall(r'<a href="#([^"]+)">(.*?)</a>', page)
        assert [html.unescape(label) for _, label in links] == titles
        assert all(f'<section id="{anchor}">' in page for anchor, _ in links)
        assert "<title>A model</title>" in page
        assert "never a person&#x27;s identity" in page
        assert "as private as" in page
        assert "exaggerate" in section(page, "By age")
        assert "95% bootstrap intervals" in page

    def test_figures_of_the_tables_are_those_of_the_evaluation(self, tmp_path: Path) -> None:
        evaluation = evaluate(n_boot=20, min_count=8)
        page = page_of(evaluation, tmp_path, worst=0, samples=0)
        row = evaluation.overall("age").loc["mae"]
        figure = f"{row['value']:.2f} [{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
        assert f"<td>age: MAE</td><td>{figure}</td><td>90</td>" in section(page, "Main figures")
        bins = evaluation.by("age", task="age", metrics=["mae"])
        by_age = section(page, "By age")
        for name, row in bins.iterrows():
            low, value, high = row["mae_low"], row["mae"], row["mae_high"]
            figure = "too few" if np.isnan(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"
            if not row["n"]:
                figure = "too few"
            assert f"<td>{name}</td><td>{row['n']:.0f}</td><td>{figure}</td>" in by_age
        over = evaluation.over_bins("age", task="age", metrics=["mae"]).loc["mae"]
        assert f"{over['worst_bin']}: {over['worst']:.2f} [" in by_age
        assert f"{over['ratio']:.3f} [" in by_age

    def test_what_was_left_out_is_counted_and_listed(self, tmp_path: Path) -> None:
        table = make_predictions(60)
        table.loc[:2, ["age_pred", "gender_prob_male", "gender_prob_female"]] = np.nan
        table.loc[:2, "gender_pred"] = None
        table.loc[:2, "error"] = "not an image file"
        table.loc[10:14, "gender"] = None
        page = page_of(evaluate(table, tasks=TASKS), tmp_path)
        counts = section(page, "Main figures")
        assert "<td>age</td><td>60</td><td>57</td><td>3</td><td>0</td>" in counts
        assert "<td>gender</td><td>60</td><td>52</td><td>3</td><td>5</td>" in counts
        listed = section(page, "Without a prediction: 3")
        assert listed.count("<td>not an image file</td>") == 3
        assert "<td>00002.jpg</td>" in listed


@pytest.fixture
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the figures, which take most of a page's time."""
    monkeypatch.setattr(page_module, "_figures", lambda panels: [])


@pytest.mark.usefixtures("_no_figures")
class TestPictures:
    def test_the_most_wrong_stand_in_order_with_truth_and_prediction(self, tmp_path: Path) -> None:
        evaluation = evaluate()
        page = page_of(evaluation, tmp_path, FACES, worst=5, samples=0)
        shown = section(page, "Most wrong: age")
        found = evaluation.most_wrong("age", 5)
        assert re.findall(r'alt="([^"]+)"', shown) == found["sample_id"].tolist()
        for row in found.itertuples():
            assert f"age: {row.age:.0f}, predicted {row.age_pred:.3g}" in shown
        both = section(page, "Most wrong: both tasks")
        names = evaluation.most_wrong(n=5)["sample_id"].tolist()
        assert re.findall(r'alt="([^"]+)"', both) == names
        wrong = section(page, "Most wrong: gender")
        assert len(re.findall(r"gender: (?:fe)?male, predicted (?:fe)?male \(", wrong)) == 5
        count = int((TABLE["gender"] != TABLE["gender_pred"]).sum())
        assert f"{count} of 90 rows are wrong; below 5, the least probable" in wrong
        assert "Samples by age" not in page

    def test_samples_are_of_their_bin(self, tmp_path: Path) -> None:
        evaluation = evaluate(by="gender")
        page = section(page_of(evaluation, tmp_path, FACES, worst=0), "Samples by gender")
        strips = page.split("<div><p>")[1:]
        for name, strip in zip(["female", "male"], sorted(strips), strict=True):
            of = (TABLE["gender"] == name).sum()
            assert strip.startswith(f"{name}: 6 of n = {of}, drawn at random")
            ids = re.findall(r'alt="([^"]+)"', strip)
            assert len(set(ids)) == 6
            assert (TABLE.set_index("sample_id").loc[ids, "gender"] == name).all()

    def test_the_page_is_the_same_each_time(self, tmp_path: Path) -> None:
        first = page_of(evaluate(), tmp_path, FACES)
        assert page_of(evaluate(TABLE.sample(frac=1, random_state=3)), tmp_path, FACES) == first

    def test_images_and_size_are_bounded(self, tmp_path: Path) -> None:
        evaluation = evaluate()
        assert pictures(page_of(evaluation, tmp_path, FACES)) > 80
        page = page_of(evaluation, tmp_path, FACES, max_images=30)
        assert pictures(page) == 30
        assert "No room for" in section(page, "Samples by age")
        rest = section(page, "Most wrong: gender")
        assert len(re.findall(r"<td>drawing-", section(page, "Most wrong: both tasks"))) > 0
        wrong = evaluation.most_wrong("gender")["sample_id"]
        assert all(name in rest for name in wrong)

    def test_large_images_become_small(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
        page = page_of(evaluate(), tmp_path, lambda name: noise)
        assert pictures(page) > 80
        assert len(page) < 5_000_000

    def test_without_images_ids_stand_in_tables(self, tmp_path: Path) -> None:
        page = page_of(evaluate(), tmp_path)  # drawings are no files
        assert pictures(page) == 0
        assert "as private as" not in page
        found = evaluate().most_wrong("age", 24)
        for row in found.itertuples():
            cells = f"<td>{row.sample_id}</td><td>{row.age:.0f}, predicted {row.age_pred:.3g}</td>"
            assert cells in section(page, "Most wrong: age")
        assert "Samples by age" not in page

    def test_none_at_all(self, tmp_path: Path) -> None:
        page = page_of(evaluate(), tmp_path, FACES, worst=0, samples=0)
        assert pictures(page) == 0
        assert not [title for title in sections(page) if title.startswith(("Most", "Samples"))]
        assert pictures(page_of(evaluate(), tmp_path, FACES, max_images=0)) == 0


def as_folder(folder: Path) -> Any:
    for row, name in enumerate(FACES.table["sample_id"]):
        target = folder / "images" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(FACES.read(row)).save(target, format="PNG")
    return folder / "images"


def as_mapping(folder: Path) -> Any:
    return {name: FACES.read(row) for row, name in enumerate(FACES.table["sample_id"])}


def as_function(folder: Path) -> Any:
    return as_mapping(folder).__getitem__


@pytest.mark.usefixtures("_no_figures")
class TestSources:
    @pytest.mark.parametrize("source", [as_folder, as_mapping, as_function])
    def test_all_give_the_same_page(self, source: Callable[[Path], Any], tmp_path: Path) -> None:
        expected = page_of(evaluate(), tmp_path, FACES, worst=4, samples=1)
        assert page_of(evaluate(), tmp_path, source(tmp_path), worst=4, samples=1) == expected

    def test_paths_are_opened_where_they_lead_to_files(self, tmp_path: Path) -> None:
        folder = as_folder(tmp_path)
        table = TABLE.assign(path=[str(folder / name) for name in TABLE["sample_id"]])
        expected = page_of(evaluate(), tmp_path, FACES, worst=4, samples=1)
        assert page_of(evaluate(table), tmp_path, worst=4, samples=1) == expected

    def test_an_image_that_cannot_be_read_has_its_place_and_is_counted(
        self, tmp_path: Path
    ) -> None:
        folder = as_folder(tmp_path)
        first, second, third = evaluate().most_wrong("age", 3)["sample_id"]
        (folder / first).write_bytes(b"no image")
        (folder / second).unlink()
        page = page_of(evaluate(), tmp_path, folder, worst=5, samples=0)
        shown = section(page, "Most wrong: age")
        assert shown.count('<div class="blank">cannot be read</div>') == 2
        assert first in shown
        assert second in shown
        listed = section(page, "Images that cannot be read: 2")
        assert f"<td>{first}</td>" in listed
        assert f"<td>{third}</td>" not in listed
        mapping = as_mapping(tmp_path)
        del mapping[first]
        again = page_of(evaluate(), tmp_path, mapping, worst=5, samples=0)
        assert "not among the images" in section(again, "Images that cannot be read: 1")

    def test_nothing_outside_the_folder_is_shown(self, tmp_path: Path) -> None:
        folder = as_folder(tmp_path)
        secret = tmp_path / "secret.png"
        Image.fromarray(FACES.read(0)).save(secret)
        table = TABLE.copy()
        table["sample_id"] = ["../secret.png", str(secret), *table["sample_id"][2:]]
        page = page_of(evaluate(table), tmp_path, folder, worst=90, samples=0)
        assert section(page, "Images that cannot be read: 2").count("not in the folder") == 2

    @pytest.mark.parametrize(
        ("images", "error"),
        [
            (3, InvalidTypeError),
            ("no/such/folder", DataError),
            ({"other": np.zeros((4, 4, 3), np.uint8)}, DataError),
        ],
    )
    def test_a_source_that_cannot_be_meant_is_refused(self, tmp_path, images, error) -> None:
        with pytest.raises(error) as caught:
            evaluate().to_html(tmp_path / "page.html", images)
        assert caught.value.argument == "images"
        assert not (tmp_path / "page.html").exists()

    def test_ids_are_needed_to_find_images(self, tmp_path: Path) -> None:
        evaluation = evaluate(TABLE.drop(columns="sample_id"))
        with pytest.raises(TableError, match="found by their id"):
            evaluation.to_html(tmp_path / "page.html", FACES)


class TestOddTables:
    def test_texts_are_escaped(self, tmp_path: Path) -> None:
        table = make_predictions(40).assign(camera=["<script>alert(1)</script>", "b"] * 20)
        table["sample_id"] = [f"{row}{EVIL}" for row in range(40)]
        table.loc[0, ["age_pred", "error"]] = [np.nan, EVIL]
        image = np.zeros((8, 8, 3), np.uint8)
        page = page_of(
            evaluate(table, by="camera", tasks=TASKS), tmp_path, lambda name: image, title=EVIL
        )
        assert "<img src=http" not in page
        assert "<script" not in page
        assert html.escape(f"0{EVIL}") in page
        assert f"<title>{html.escape(EVIL)}</title>" in page

    @pytest.mark.parametrize("columns", [["age"], ["gender"]])
    def test_one_task_and_no_ids(self, columns: list[str], tmp_path: Path) -> None:
        kept = [name for name in make_predictions(5) if name.startswith(columns[0])]
        task = TASKS[columns[0]]
        page = page_of(evaluate(make_predictions(50)[kept], by=(), tasks=task), tmp_path)
        assert sections(page) == ["Main figures", f"Task: {task.name}", f"Most wrong: {task.name}"]
        assert re.search(r"<td>row \d+</td>", page)
        assert "No intervals" in page

    def test_many_classes(self, tmp_path: Path) -> None:
        names = tuple(f"class number {place} of many" for place in range(40))
        rng = np.random.default_rng(0)
        table = pd.DataFrame({"kind": rng.choice(names, 200), "kind_pred": rng.choice(names, 200)})
        task = ClassificationTask("kind", classes=names)
        page = page_of(evaluate(table, by="kind", tasks=task), tmp_path)
        assert "in the order of their ids" in page
        assert names[-1] in section(page, "Task: kind")

    def test_nothing_wrong_and_nothing_known(self, tmp_path: Path) -> None:
        table = TABLE.assign(age_pred=TABLE["age"])
        table["gender_pred"] = table["gender"]
        page = page_of(evaluate(table), tmp_path, FACES)
        assert "None of 90 rows is wrong." in section(page, "Most wrong: age")
        assert "No row is wrong in every task." in section(page, "Most wrong: both tasks")
        empty = pd.DataFrame({"age": [np.nan] * 3, "age_pred": [1.0, 2.0, np.nan]})
        page = page_of(evaluate(empty, by=(), tasks=RegressionTask("age")), tmp_path)
        assert "<td>age</td><td>3</td><td>0</td><td>1</td><td>2</td>" in page
        unlabelled = make_predictions(20).assign(gender=None).drop(columns=["age", "age_pred"])
        page = page_of(evaluate(unlabelled, by=(), tasks=TASKS["gender"]), tmp_path)
        assert "None of 0 rows is wrong." in page

    def test_metrics_of_ones_own(self, tmp_path: Path) -> None:
        def far_off(truth: np.ndarray, prediction: np.ndarray) -> float:
            return float(np.mean(np.abs(truth - prediction) > 5))

        page = page_of(
            evaluate(metrics={"age": [far_off], "gender": ["accuracy"]}), tmp_path, FACES
        )
        assert "<td>age: far off</td>" in section(page, "Main figures")
        assert "<td>MAE</td>" not in section(page, "Task: age")
        assert 'alt="age: metric by gender"' in section(page, "By gender")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"title": 3}, InvalidTypeError),
        ({"worst": -1}, InvalidArgumentError),
        ({"samples": 1.5}, InvalidTypeError),
        ({"max_images": -1}, InvalidArgumentError),
    ],
)
def test_arguments_are_checked(tmp_path: Path, options: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        evaluate().to_html(tmp_path / "page.html", **options)


@pytest.mark.usefixtures("_no_figures")
def test_the_target_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError):
        evaluate().to_html(tmp_path / "page.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        evaluate().to_html(tmp_path / "file" / "page.html", worst=0)


def test_torch_and_pyplot_are_not_needed(tmp_path: Path) -> None:
    code = (
        "import sys, pandas as pd\n"
        "from faceattr import BinnedEvaluator\n"
        "table = pd.DataFrame({'age': [1.0, 2.0, 3.0], 'age_pred': [2.0, 2.0, 9.0]})\n"
        f"BinnedEvaluator(n_boot=0).evaluate(table).to_html({str(tmp_path / 'p.html')!r})\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib.pyplot')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
