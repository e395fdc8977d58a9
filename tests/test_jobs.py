"""Jobs: what is refused before anything runs, what a run leaves behind, whole files as tables."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import faceattr
from faceattr import Dataset, Model, Trainer
from faceattr.exceptions import (
    DataError,
    InvalidArgumentError,
    InvalidTypeError,
    MissingDependencyError,
    OutputError,
    TableError,
    TrainingError,
    WeightsError,
)
from faceattr.jobs import (
    DEMO,
    DataSection,
    EvaluateSection,
    ModelSection,
    TrainingJob,
    run_evaluation,
    run_prediction,
    run_training,
)
from faceattr.jobs._making import build_model, open_dataset
from faceattr.tables import read_table, write_table
from job_samples import TINY, tiny


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Files of 24 drawings, one of them damaged, and a list with labels for a job."""
    faces = Dataset.synthetic(24, seed=3, size=32)
    names = [f"face {number:02d} é.png" for number in range(len(faces))]
    for number, name in enumerate(names):
        Image.fromarray(faces.read(number)).save(tmp_path / name)
    (tmp_path / names[5]).write_bytes(b"no image at all")
    table = faces.table[["age", "gender"]].assign(
        file=names, camera=np.where(np.arange(24) % 2, "phone", "webcam")
    )
    table.to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path


def csv_job(photos: Path, *overrides: str) -> TrainingJob:
    tasks = [
        {"kind": "regression", "name": "age", "unit": "years", "bounds": [0, 116]},
        {"kind": "classification", "name": "gender", "classes": ["male", "female"]},
    ]
    data = {"kind": "csv", "path": str(photos / "labels.csv"), "path_column": "file"}
    sections = {**TINY, "data": {**data, "tasks": tasks}, "output": str(photos / "out")}
    return TrainingJob.from_dict(sections).changed(overrides)


# Data


def test_a_folder_for_each_class_can_be_opened(photos: Path) -> None:
    for name in ("no", "yes"):
        (photos / "classes" / name).mkdir(parents=True)
        shutil.copy(photos / "face 00 é.png", photos / "classes" / name / "1.png")
    section = DataSection("folder", path=str(photos / "classes"), tasks=["glasses"])
    section.check()
    assert open_dataset(section).tasks["glasses"].classes == ("no", "yes")  # type: ignore[union-attr]


def test_a_list_of_fairface_can_be_opened_and_trained(photos: Path) -> None:
    names = [path.name for path in sorted(photos.glob("face *.png"))]
    labels = ["0-2,Male", "31,Female", "more than 70,Male"] * 8
    rows = [f"{name},{label},White,True" for name, label in zip(names, labels, strict=True)]
    (photos / "lists").mkdir()
    path = photos / "lists" / "fairface.csv"
    path.write_text("file,age,gender,race,service_test\n" + "\n".join(rows), encoding="utf-8")
    section = DataSection("fairface", path=str(path), root=str(photos))
    section.check()
    opened = open_dataset(section)
    assert (len(opened), len(opened.rejects)) == (23, 1)
    assert list(opened.tasks) == ["age", "gender"]
    race = DataSection("fairface", path=str(path), root=str(photos), tasks=["race"], verify=False)
    assert list(open_dataset(race).tasks) == ["race"]
    data = {"kind": "fairface", "path": str(path), "root": str(photos)}
    job = TrainingJob.from_dict({**TINY, "data": data, "output": str(photos / "out")})
    result = run_training(job.changed(["split.valid=0", "split.test=0.3"]), progress=False)
    assert result.predictions["age"].isna().any()
    assert result.history["train_age_loss"].gt(0).all()
    assert result.model.info["training_data"] == "FairFace, CC BY 4.0"


def test_utkface_names_can_be_opened(photos: Path) -> None:
    chips = photos / "chips"
    chips.mkdir()
    for name in ("26_1_2_1.jpg.chip.jpg", "3_0_0_2.jpg.chip.jpg"):
        Image.new("RGB", (20, 20), "gray").save(chips / name)
    (chips / "26_1_2_3.jpg.chip.jpg").write_bytes(b"")
    section = DataSection("utkface", path=str(chips), tasks=["age", "race"])
    section.check()
    faces = open_dataset(section)
    assert (list(faces.tasks), len(faces), len(faces.rejects)) == (["age", "race"], 2, 1)


# Running a job


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("data.kind=films", "data.kind"),
        ("data.n=many", "data.n"),
        ("data.n=0", "data.n"),
        ("data.label_noise=2", "data.label_noise"),
        ("data.path=photos", "data.path"),
        ("data.verify=0", "data.verify"),
        ("split.test=0", "split.test"),
        ("split.train=0", "split.train"),
        ("split.valid=0.5", "split.valid"),
        ("split.groups=3", "split.groups"),
        ("split.column=3", "split.column"),
        ('split.train="most"', "split.train"),
        ("model.backbone=7", "model.backbone"),
        ("model.weights=true", "model.weights"),
        ("model.heads=linear", "model.heads"),
        ("model.heads.age=1", "model.heads.age"),
        ("model.dropout=1.5", "model.dropout"),
        ("model.image_size=8", "model.image_size"),
        ("model.seed=-1", "model.seed"),
        ("train.preset=fast", "train.preset"),
        ("train.epochs=0", "epochs"),
        ("train.augment=sepia", "augment"),
        ("evaluate.by=age", "evaluate.by"),
        ("evaluate.by=[1]", "evaluate.by"),
        ("evaluate.bins=5", "evaluate.bins"),
        ("evaluate.n_boot=-1", "evaluate.n_boot"),
        ("evaluate.confidence=95", "evaluate.confidence"),
        ('output=""', "output"),
        ("output=3", "output"),
    ],
)
def test_settings_are_checked_before_anything_is_done(
    tmp_path: Path, override: str, named: str
) -> None:
    with pytest.raises((InvalidArgumentError, InvalidTypeError)) as caught:
        run_training(tiny(tmp_path / "out", override), progress=False)
    assert named in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_what_a_model_puts_out_can_be_evaluated_by(photos: Path) -> None:
    job = csv_job(photos, 'evaluate.metrics=["mae", "log_loss"]', "split.train=0.5")
    job = job.changed(["split.valid=0.25", "split.test=0.25", 'evaluate.by=["age_std"]'])
    frame = run_training(job, progress=False).evaluation.to_frame()
    assert {"mae", "log_loss"} <= set(frame["metric"])
    with pytest.raises(TableError, match="age_width"):
        run_training(job.changed(['evaluate.by=["age_width"]']), progress=False)


def test_another_seed_of_the_model_is_no_resumption(photos: Path) -> None:
    job = csv_job(photos)
    run_training(job, progress=False)
    before = (photos / "out" / "job.json").read_text(encoding="utf-8")
    with pytest.raises(TrainingError, match="another") as caught:
        run_training(job.changed(["model.seed=5"]), resume=True, progress=False)
    assert caught.value.rows == ("started_from",)
    assert (photos / "out" / "job.json").read_text(encoding="utf-8") == before


def test_a_job_leaves_everything_behind(photos: Path) -> None:
    job = csv_job(photos, 'evaluate.by=["age", "camera"]', "split.train=0.5", "split.valid=0.25")
    job = job.changed(["split.test=0.25"])
    result = run_training(job, progress=False)
    folder = photos / "out"
    assert result.folder == folder

    predictions = read_table(folder / "predictions.csv")
    pd.testing.assert_frame_equal(predictions, result.predictions)
    pd.testing.assert_frame_equal(read_table(folder / "history.csv"), result.history)
    metrics = read_table(folder / "metrics.csv")
    pd.testing.assert_frame_equal(metrics, result.evaluation.to_frame())
    assert set(metrics["by"]) == {"overall", "age", "camera"}

    split = read_table(folder / "split.csv")
    rejects = read_table(folder / "rejects.csv")
    assert len(split) + len(rejects) == 24
    assert rejects["path"].tolist() == [f"{photos}/face 05 é.png"]
    test_ids = split[split["split"] == "test"]["sample_id"]
    assert set(test_ids) == set(predictions["sample_id"])
    assert set(split["split"]) == {"train", "valid", "test"}

    loaded = Model.from_pretrained(folder)
    pd.testing.assert_frame_equal(
        loaded.predict(predictions["path"].tolist())[["age_pred"]],
        predictions[["age_pred"]],
        rtol=1e-5,
    )
    assert loaded.info["training_data"] == "labels.csv"
    assert {"evaluation.png", "history.png"} <= {path.name for path in folder.iterdir()}


def test_no_picture_of_a_photograph_is_written(photos: Path) -> None:
    out = photos / "out"
    out.mkdir()
    (out / "gallery.png").write_bytes(b"left by a job on drawings")
    run_training(csv_job(photos), progress=False)
    pictures = sorted(path.name for path in out.rglob("*") if path.suffix in {".png", ".jpg"})
    assert pictures == ["evaluation.png", "history.png"]


def test_drawings_are_shown_and_the_job_is_written_down(tmp_path: Path) -> None:
    job = tiny(tmp_path / "out", "split.valid=0", "split.train=0.8")
    job = job.changed(["train.preset=study", "train.cycle_epochs=1"])
    result = run_training(job, progress=False)
    assert not any(name.startswith("valid") for name in result.history.columns)
    with Image.open(tmp_path / "out" / "gallery.png") as gallery:
        assert gallery.size[0] > 300
    record = json.loads((tmp_path / "out" / "job.json").read_text(encoding="utf-8"))
    assert record["job"] == json.loads(json.dumps(job.to_dict()))
    assert record["train_config"] == job.train_config().to_dict()
    assert record["images"] == {"train": 32, "test": 8, "rejected": 0}
    assert record["versions"]["faceattr"] == faceattr.__version__
    assert not read_table(tmp_path / "out" / "rejects.csv").size


@pytest.fixture
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: object, **__: object) -> None:
        pytest.fail("the training began")

    monkeypatch.setattr(faceattr.Trainer, "fit", fit)


@pytest.mark.usefixtures("_no_training")
@pytest.mark.parametrize(
    ("override", "error"),
    [
        ("data.path=nope.csv", DataError),
        ("model.weights=nope.safetensors", WeightsError),
        ("model.heads.age=logit", InvalidArgumentError),
        ("model.heads.height=linear", InvalidArgumentError),
        ("model.backbone=resnet17", InvalidArgumentError),
        ("split.groups=person", DataError),
        ('evaluate.by=["height"]', TableError),
        ("evaluate.bins.camera=3", InvalidArgumentError),
        ("evaluate.bins.age=[5, 2]", InvalidArgumentError),
        ("evaluate.bins.age=few", InvalidTypeError),
    ],
)
def test_what_does_not_fit_the_data_ends_before_training(
    photos: Path, override: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run_training(csv_job(photos, override), progress=False)


@pytest.mark.usefixtures("_no_training")
def test_an_output_that_cannot_be_written_ends_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"output: .*cannot be written"):
        run_training(tiny(tmp_path / "file" / "out"), progress=False)


def test_the_model_is_kept_when_what_follows_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Trainer, "predict", predict)
    with pytest.raises(MemoryError):
        run_training(tiny(tmp_path / "out"), progress=False)
    assert Model.from_pretrained(tmp_path / "out").image_size == 32


def test_the_demo_can_be_run() -> None:
    DEMO.check()
    assert DEMO.data.kind == "synthetic"
    assert DEMO.model.weights is None


def test_real_chips(utkface_folder: Path, tmp_path: Path) -> None:
    chips = tmp_path / "chips"
    chips.mkdir()
    for path in sorted(utkface_folder.glob("*.jpg"))[::300]:
        (chips / path.name).symlink_to(path.resolve())
    data = {"kind": "utkface", "path": str(chips)}
    job = TrainingJob.from_dict({**TINY, "data": data, "output": str(tmp_path / "out")})
    result = run_training(job.changed(['evaluate.by=["age", "race"]']), progress=False)
    assert len(result.predictions) == result.evaluation.value("age/support")
    assert "non-commercial" in result.model.info["training_data"]
    assert not (tmp_path / "out" / "gallery.png").exists()


# Predicting and evaluating files


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tasks = Dataset.synthetic(1, size=32).tasks
    model = Model(tasks=tasks, weights=None, image_size=32)
    return model.save_pretrained(tmp_path_factory.mktemp("model"))


def test_a_folder_is_predicted_with_ids_relative_to_it(saved: Path, photos: Path) -> None:
    table = run_prediction(saved, photos, output=photos / "tables" / "p.csv")
    assert table["sample_id"].tolist() == sorted(path.name for path in photos.glob("*.png"))
    assert (table["error"] != "").sum() == 1
    pd.testing.assert_frame_equal(read_table(photos / "tables" / "p.csv"), table)


def test_files_and_folders_are_predicted_together(saved: Path, photos: Path) -> None:
    one = photos / "face 00 é.png"
    table = run_prediction(saved, [one, photos, one], batch_size=5)
    assert len(table) == 26
    beside = run_prediction(saved, [one, "x" * 5000])  # a name that no file can have
    assert "cannot be opened" in beside["error"].iloc[1]
    assert table["sample_id"].iloc[[0, -1]].tolist() == [str(one)] * 2
    assert table["age_pred"].iloc[0] == pytest.approx(table["age_pred"].iloc[-1], rel=1e-5)


def test_predictions_need_images_and_a_table_to_go_to(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        run_prediction(saved, [tmp_path / "empty", "x.png"])
    with pytest.raises(InvalidArgumentError, match="no image is given"):
        run_prediction(saved, [])
    with pytest.raises(DataError, match=r"no such file or folder.*phots/.*starts from"):
        run_prediction(tmp_path / "no model", ["phots/", "x" * 5000])
    with pytest.raises(InvalidArgumentError, match=r"output.*\.csv or \.parquet"):
        run_prediction(saved, "x.png", output="table.xlsx")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="pyarrow"):
        run_prediction(saved, "x.png", output=tmp_path / "table.parquet")


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """Somebody's predictions: ages, a class written as 0 and 1, and a column that is no good."""
    random = np.random.default_rng(0)
    age = random.uniform(0, 90, 60)
    table = pd.DataFrame(
        {
            "sample_id": [f"{number}.png" for number in range(60)],
            "age": age,
            "age_pred": age + random.normal(0, 4, 60),
            "smile": random.integers(0, 2, 60),
            "smile_pred": random.integers(0, 2, 60),
            "odd": "only",
            "odd_pred": "only",
            "light": random.uniform(0, 1, 60),
        }
    )
    table.to_csv(tmp_path / "theirs.csv", index=False)
    return tmp_path / "theirs.csv"


def test_anyones_predictions_are_evaluated(predictions: Path, tmp_path: Path) -> None:
    table = pd.read_csv(predictions)
    quality = table[["sample_id"]].assign(sharp=np.arange(60.0)).iloc[:50]
    write_table(quality, tmp_path / "quality.csv")
    evaluation = run_evaluation(
        predictions,
        tmp_path / "quality.csv",
        settings=EvaluateSection(by=["sharp", "age"], bins={"age": [0, 18, 90]}, n_boot=10),
        tasks={"smile": ["0", "1"], "age": ()},
        output=tmp_path / "metrics.csv",
        figure=tmp_path / "figures" / "evaluation.svg",
    )
    assert evaluation.value("age/mae") == pytest.approx(
        (table["age_pred"] - table["age"]).abs().mean()
    )
    share = (table["smile"] == table["smile_pred"]).mean()
    assert evaluation.value("smile/accuracy") == pytest.approx(share)
    assert evaluation.value("age/support", by="sharp", label="not scored") == 10
    pd.testing.assert_frame_equal(read_table(tmp_path / "metrics.csv"), evaluation.to_frame())
    assert "<svg" in (tmp_path / "figures" / "evaluation.svg").read_text(encoding="utf-8")


def test_ages_are_the_groups_where_there_are_ages(predictions: Path, tmp_path: Path) -> None:
    settings = EvaluateSection(n_boot=0)
    with_age = run_evaluation(predictions, settings=settings, tasks={"age": ()})
    assert with_age.columns == ("age",)
    table = pd.read_csv(predictions)[["smile", "smile_pred"]]
    table.to_csv(tmp_path / "smiles.csv", index=False)
    assert run_evaluation(tmp_path / "smiles.csv", settings=settings).columns == ()


def test_a_task_must_be_there(predictions: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'age', 'smile', 'odd'.*'height'"):
        run_evaluation(predictions, tasks={"height": ()})
    pd.DataFrame({"a": [1.0]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InvalidArgumentError, match="'age' and 'age_pred'"):
        run_evaluation(tmp_path / "a.csv", tasks={"age": ()})


def test_evaluation_checks_its_files_first(predictions: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"figure.*\.png or \.pdf or \.svg"):
        run_evaluation(predictions, figure=tmp_path / "figure.doc")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="output"):
        run_evaluation(predictions, output=tmp_path / "file" / "metrics.csv")
    with pytest.raises(TableError, match=r"nope\.csv"):
        run_evaluation(tmp_path / "nope.csv")


def test_a_model_section_is_the_model(saved: Path) -> None:
    tasks = Dataset.synthetic(1, size=32).tasks
    weights = str(saved / "model.safetensors")
    section = ModelSection(weights=weights, image_size=32, heads={"age": "linear"}, dropout=0.5)
    section.check()
    model = build_model(section, tasks)
    assert (model.head_kinds["age"], model.dropout, model.image_size) == ("linear", 0.5, 32)
    old = Model.from_pretrained(saved).state_dict()["backbone.features.0.0.weight"]
    assert model.state_dict()["backbone.features.0.0.weight"].equal(old)
