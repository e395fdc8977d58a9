"""The README and the pages tell what exists: their Python runs, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceattr.cli import _parser
from faceattr.cli._options import DEFAULT_MODEL
from faceattr.data import Dataset
from faceattr.evaluation import Calibrator
from faceattr.jobs import TrainingJob
from faceattr.models import HEADS, Model, bundled, bundled_models
from faceattr.quality import QUALITY_METRICS
from faceattr.registry import Registry
from faceattr.training.augment import POLICIES

ROOT = Path(__file__).parents[1]
PAGES = sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))
# Nothing is downloaded, and a page takes seconds.
CHANGES = [
    (r'Dataset\.from_utkface\("UTKFace/"\)', "Dataset.synthetic(60, seed=0, size=32)"),
    (r'weights="imagenet"', "weights=None"),
    (r"image_size=128", "image_size=32"),
    (r"(?<!_)epochs=\d+", "epochs=1, batch_size=16"),
    (r"n_boot=1000", "n_boot=20"),
]


def blocks(page: str, language: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.S | re.M))


def python_of(page: str) -> str:
    return blocks(page, "python")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as docs/your-own-folder.md describes it, of drawings."""
    faces = Dataset.synthetic(48, seed=1, size=32)
    names = ["photos/anna-1.png", *(f"photos/{name}.png" for name in faces.table["sample_id"][1:])]
    (tmp_path / "photos").mkdir()
    for position, name in enumerate(names):
        Image.fromarray(faces.read(position)).save(tmp_path / name)
    table = faces.table[["age"]].assign(
        path=names,
        glasses=np.where(faces.table["gender"] == "male", "yes", "no"),
        camera=np.where(np.arange(len(names)) % 3 == 0, "phone", "webcam"),
    )
    table.to_csv(tmp_path / "labels.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def _registries_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a page registers."""
    from faceattr.evaluation.metrics import CLASSIFICATION_METRICS, REGRESSION_METRICS
    from faceattr.explain import EXPLANATION_METHODS

    registries: list[Registry] = [
        *(HEADS, POLICIES, CLASSIFICATION_METRICS, REGRESSION_METRICS, QUALITY_METRICS),
        EXPLANATION_METHODS,
    ]
    for registry in registries:
        monkeypatch.setattr(registry, "_items", dict(registry._items))


@pytest.fixture
def _a_bundled_model(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put an untrained model in the place of the one that is shipped, where that is not there."""
    if DEFAULT_MODEL in bundled_models():
        return
    home = tmp_path_factory.mktemp("bundled")
    faces = Dataset.synthetic(40, seed=0, size=32)
    model = Model(tasks=faces.tasks, weights=None, image_size=32)
    model.calibration = Calibrator(tasks=faces.tasks).fit(model.predict(faces))
    model.card = "# Not the real one\n"
    model.save_pretrained(home / DEFAULT_MODEL)
    monkeypatch.setattr(bundled, "FOLDER", home)


@pytest.mark.usefixtures("photos", "_registries_as_before", "_a_bundled_model")
@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page)])
def test_the_python_of_a_page_runs(page: str) -> None:
    code = python_of(page)
    for pattern, small in CHANGES:
        code = re.sub(pattern, small, code)
    names: dict[str, object] = {"__name__": "page"}
    exec(compile(code, page, "exec"), names)
    assert names


@pytest.mark.usefixtures("_a_bundled_model")
def test_readme_promises_a_saved_model_and_a_row_an_image(photos: Path) -> None:
    code = python_of("README.md")
    for pattern, small in CHANGES:
        assert re.search(pattern, code)
        code = re.sub(pattern, small, code)
    names: dict[str, list[object]] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert len(names["predictions"]) == len(names["test"])
    assert list((photos / "out").glob("*.safetensors"))


def test_the_job_file_of_the_page_can_be_run(tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text(blocks("docs/cli.md", "toml"), encoding="utf-8")
    TrainingJob.from_toml(job, ["train.epochs=3"]).check()


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_commands_are_understood(page: str) -> None:
    for line in blocks(page, "bash").splitlines():
        if line.startswith("faceattr "):
            assert callable(_parser().parse_args(shlex.split(line)[1:]).run)


@pytest.mark.parametrize("page", [*PAGES, "README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)\)", text)
    assert not [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]


@pytest.mark.parametrize(
    "command",
    [
        "python -m pip install -c constraints.txt . && python examples/quickstart.py",
        "python -m pip install nox && nox -s tests",
    ],
)
def test_the_two_commands_stand_in_the_readme(command: str) -> None:
    assert f"```bash\n{command}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")
