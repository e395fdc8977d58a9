"""The scripts of examples/ run to their end, on little data."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from chip_samples import write_chips
from faceattr import Dataset

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name, monkeypatch):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_quickstart(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    load("quickstart", monkeypatch).main(images=120, epochs=1)
    written = {path.name for path in (tmp_path / "quickstart-output").iterdir()}
    assert {"model", "predictions.csv", "metrics.csv", "evaluation.png", "gallery.png"} <= written
    assert "always guessing the median age" in capsys.readouterr().out


def test_quality(tmp_path, monkeypatch, capsys):
    from faceattr.tables import read_table

    monkeypatch.chdir(tmp_path)
    load("quality", monkeypatch).main(images=8)
    written = {path.name for path in (tmp_path / "quality-output").iterdir()}
    assert {"quality.csv", "quality.png", "quality.html"} <= written
    table = read_table(tmp_path / "quality-output" / "quality.csv")
    fallen = (table["reasons"] != "").groupby(table["sample_id"].str.split("/").str[0]).sum()
    assert fallen[["dark", "blurred", "compressed", "broken.png"]].tolist() == [8, 8, 8, 1]
    assert fallen["good"] <= 4
    out = capsys.readouterr().out
    assert "good: accepted" in out or "good: rejected" in out
    assert "broken: rejected: cannot be read: not an image file - send another file" in out


def test_error_analysis(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    load("error_analysis", monkeypatch).main(images=120, n_boot=20)
    written = {path.name for path in (tmp_path / "error-analysis-output").iterdir()}
    assert written == {"most-wrong.csv", "errors.png", "most-wrong.png", "errors.html"}
    out = capsys.readouterr().out
    assert "wrong in age and gender at once" in out
    assert re.search(r"worst light: .+, MAE \d+\.\d years", out)


def test_balance(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    load("balance", monkeypatch).main(images=200, epochs=1)
    assert (tmp_path / "balance-output" / "shares.png").exists()
    out = capsys.readouterr().out
    assert "max_repeats holds" in out
    assert "b balanced" in out
    assert "over bins: mean" in out
    assert (tmp_path / "balance-output" / "comparison.png").exists()


def test_calibrate(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    load("calibrate", monkeypatch).main(images=300, epochs=1)
    written = {path.name for path in (tmp_path / "calibrate-output").iterdir()}
    assert {"model", "reliability.png", "coverage.png"} <= written
    out = capsys.readouterr().out
    assert "interval_width" in out
    assert "at 90%;" in out


def test_evaluation_utkface(tmp_path, monkeypatch):
    from faceattr.tables import write_table

    data = write_chips(tmp_path / "UTKFace", 60)
    faces = Dataset.from_utkface(data)
    table = faces.table[["sample_id", "age", "gender", "race"]]
    wrong = np.arange(60) % 5 == 0
    other = np.where(table["gender"] == "male", "female", "male")
    female = np.where(np.where(wrong, other, table["gender"]) == "female", 0.9, 0.1)
    predictions = table.assign(
        age_pred=table["age"] + 2.0,
        gender_pred=np.where(female > 0.5, "female", "male"),
        gender_prob_male=1 - female,
        gender_prob_female=female,
    )
    write_table(predictions, tmp_path / "predictions.csv")
    options = ["--predictions", str(tmp_path / "predictions.csv"), "--out", str(tmp_path)]
    script = load("evaluation_utkface", monkeypatch)
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(data), *options])
    script.main(n_boot=20)
    page = (tmp_path / "evaluation-utkface.md").read_text(encoding="utf-8")
    assert "MAE 2 (2 to 2) years" in page
    assert "Gender accuracy 0.8 " in page
    assert "too few" in page
    assert "## Within ages" in page
    assert (tmp_path / "evaluation-utkface.png").exists()


def test_oversampling_utkface(tmp_path, monkeypatch):
    from faceattr.tables import read_table

    data = write_chips(tmp_path / "UTKFace", 60)
    arms = load("oversampling_utkface", monkeypatch)
    monkeypatch.setattr(arms, "SIDE", 32)
    chosen = ["plain", "filtered-balanced", "random-weights"]
    for name in ("plain", "filtered-balanced"):
        changed = dataclasses.replace(arms.ARMS[name], pretrained=False)
        monkeypatch.setitem(arms.ARMS, name, changed)
    work = tmp_path / "arms"
    options = ["--data", data, "--work", work, "--epochs", 1, "--seeds", 0, 1, "--arms", *chosen]
    arguments = arms.parse_arguments([str(option) for option in options])
    monkeypatch.setattr(arms, "parse_arguments", lambda: arguments)
    arms.main()
    # Random weights are what the others have here too: the same arm, the same predictions.
    tables = [read_table(work / name / "seed-1" / "predictions.csv") for name in chosen]
    assert tables[0]["age_pred"].equals(tables[2]["age_pred"])
    report = load("oversampling_report", monkeypatch)
    chosen_options = report.parse_arguments(["--work", str(work), "--out", str(tmp_path)])
    monkeypatch.setattr(report, "parse_arguments", lambda: chosen_options)
    report.main()
    page = (tmp_path / "oversampling-utkface.md").read_text(encoding="utf-8")
    error = [(t["age_pred"] - t["age"]).abs().mean() for t in read_plain(work)]
    assert f"| plain | {np.mean(error):.3f} |" in page
    line = next(text for text in page.splitlines() if text.startswith("| random-weights |"))
    assert f"{np.mean(error):.3f}; +0.000 (+0.000 to +0.000)" in line
    assert "the study's steps together" in page


def read_plain(work):
    from faceattr.tables import read_table

    return [read_table(work / "plain" / f"seed-{seed}" / "predictions.csv") for seed in (0, 1)]


def test_quality_utkface(tmp_path, monkeypatch):
    from faceattr.tables import write_table

    data = write_chips(tmp_path / "UTKFace", 40)
    table = Dataset.from_utkface(data).table.assign(
        age_pred=30.0, gender_pred=["male", "female"] * 20
    )
    write_table(table, tmp_path / "predictions.csv")
    example = load("quality_utkface", monkeypatch)
    options = ["--data", data, "--out", tmp_path, "--predictions", tmp_path / "predictions.csv"]
    arguments = example.parse_arguments([str(option) for option in options])
    monkeypatch.setattr(example, "parse_arguments", lambda: arguments)
    example.main()
    page = (tmp_path / "quality-utkface.md").read_text(encoding="utf-8")
    assert "40 chips" in page
    assert "### age, mae: unfiltered" in page
    assert "| brisque | high |" in page
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {f"quality-utkface{end}.png" for end in ("", "-age", "-gender")}
    assert all(name in page for name in pictures)


@pytest.fixture
def baselines(tmp_path, monkeypatch):
    """Run examples/baselines.py with some options and return what it knows afterwards."""
    example = load("baselines", monkeypatch)
    monkeypatch.setattr(example, "ROUNDS", 50)
    monkeypatch.setattr(example, "LEAVES", (3, 7))
    fixed = ["--image-size", "32", "--out", tmp_path / "out", "--work", tmp_path / "work"]

    def run(*options):
        arguments = example.parse_arguments([str(option) for option in [*fixed, *options]])
        monkeypatch.setattr(example, "parse_arguments", lambda: arguments)
        example.main()
        return example

    return run


def test_baselines_of_drawings(tmp_path, baselines, capsys):
    baselines("--images", 120)
    out = capsys.readouterr().out
    assert "Settings are chosen on 12 images after fitting on 84" in out
    assert "Less the trained network" not in out
    assert out.count("| yes |") == 4
    assert not (tmp_path / "out").exists()


def test_baselines_beside_a_network(tmp_path, monkeypatch, baselines):
    from faceattr.tables import read_table, write_table

    data = write_chips(tmp_path / "UTKFace", 120)
    faces = Dataset.from_utkface(data)
    test = faces.split(train=0.8, test=0.2, seed=3)[1]
    network = test.table.assign(age_pred=test.table["age"] + 1, gender_pred="female")
    write_table(network[::-1], tmp_path / "network.csv")
    baselines("--data", data, "--predictions", tmp_path / "network.csv", "--seed", 3)
    page = (tmp_path / "out" / "baselines-utkface.md").read_text(encoding="utf-8")
    assert "python examples/baselines.py --data UTKFace/ --predictions predictions.csv" in page
    overall, less = page.split("## Less the trained network")
    share = (test.table["gender"] == "female").mean()
    for name in ("gradient-boosting", "support-vectors"):
        table = read_table(tmp_path / "work" / f"{name}.csv")
        assert set(table["sample_id"]) == set(test.table["sample_id"])
        assert table["age_pred"].between(0, 116).all()
        error = (table["age_pred"] - table["age"]).abs().mean()
        right = (table["gender_pred"] == table["gender"]).mean()
        start = f"| {name.replace('-', ' ')} | 24 | "
        line = next(text for text in overall.splitlines() if text.startswith(start))
        assert line.startswith(f"{start}{right:.3f} (")
        assert f"| {error:.2f} (" in line
        line = next(text for text in less.splitlines() if text.startswith(start))
        assert line.startswith(f"{start}{error - 1:+.3f} (")
        assert f"| {right - share:+.3f} (" in line


def test_baselines_refuse_predictions_of_other_images(tmp_path, baselines):
    from faceattr.tables import write_table

    data = write_chips(tmp_path / "UTKFace", 60)
    train, _ = Dataset.from_utkface(data).split(train=0.8, test=0.2, seed=0)
    write_table(train.table.assign(age_pred=30.0, gender_pred="male"), tmp_path / "other.csv")
    with pytest.raises(SystemExit, match="12 of 12 are missing, 48 are extra"):
        baselines("--data", data, "--predictions", tmp_path / "other.csv")


def test_calibration_utkface(tmp_path, monkeypatch):
    from calibration_samples import make_predictions
    from faceattr.tables import write_table

    table = make_predictions(2000).rename(columns={"camera": "race"}).assign(split="test")
    write_table(table, tmp_path / "predictions.csv")
    example = load("calibration_utkface", monkeypatch)
    options = ["--predictions", tmp_path / "predictions.csv", "--splits", 6, "--out", tmp_path]
    monkeypatch.setattr(example, "RIGHT", 0.8)
    arguments = example.parse_arguments([str(option) for option in options])
    monkeypatch.setattr(example, "parse_arguments", lambda: arguments)
    example.main()
    page = (tmp_path / "calibration-utkface.md").read_text(encoding="utf-8")
    assert "2,000 held-out images" in page
    assert "| log_loss |" in page
    assert "the worst group of all is true age" in page
    assert "`Abstain(right=0.8)`" in page
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {f"calibration-utkface{end}.png" for end in ("", "-reliability")}
    assert all(name in page for name in pictures)


@pytest.mark.parametrize("recipe", ["default", "study"])
def test_train_utkface(recipe, tmp_path, monkeypatch):
    data = write_chips(tmp_path / "UTKFace", 60)
    (data / "no_name.jpg").write_bytes(b"")
    example = load("train_utkface", monkeypatch)
    monkeypatch.setattr(example, "SIDE", 32)
    options = ["--data", data, "--weights", "none", "--recipe", recipe, "--epochs", 1]
    options += ["--out", tmp_path / "results", "--work", tmp_path / "work"]
    arguments = example.parse_arguments([str(option) for option in options])
    arguments.weights = None
    monkeypatch.setattr(example, "parse_arguments", lambda: arguments)
    example.main()
    page = (tmp_path / "results" / f"utkface-{recipe}-seed0.md").read_text(encoding="utf-8")
    assert "61 files 1 are left out" in page
    assert "## Gender by age group" in page
    assert (tmp_path / "work" / recipe / "model.safetensors").is_file()
    assert (tmp_path / "results" / "utkface-split-seed0.csv").is_file()


def rough_look(chips):
    """Describe faces by 128 numbers made of mean colours, as if a network had."""
    shape = (len(chips), 6, 25, 6, 25, 3)
    means = np.stack(chips).reshape(shape).mean((2, 4)).reshape(len(chips), 108)
    return np.concatenate([means, means[:, :20] ** 2], axis=1)


def load_recipe(monkeypatch):
    load("face_hints", monkeypatch)
    return load("reproduce_utkface", monkeypatch)


def small_recipe(folder, monkeypatch):
    """Return the recipe, its command for small drawings, and these."""
    from faceattr import TrainConfig

    data = write_chips(folder / "UTKFace", 60)
    example = load_recipe(monkeypatch)
    for name, sides in (("TEACHER", (32, 40)), ("STUDENT", (32, 48)), ("HINTED", (56,))):
        laps = [example.Lap(side, TrainConfig(epochs=1)) for side in sides]
        monkeypatch.setattr(example, name, laps)
    given = ["--data", str(data), "--output", str(folder / "run"), "--face-network", "file"]
    arguments = example.parse_arguments(given)
    arguments.weights = arguments.teacher_weights = None
    monkeypatch.setattr(example, "face_network", lambda file: rough_look)
    monkeypatch.setattr(example, "parse_arguments", lambda given: arguments)
    return example, arguments, Dataset.from_utkface(data)


def count_laps(printed):
    return [printed.count(f"at {side} pixels") for side in (32, 40, 48, 56)]


def test_reproduce_utkface(tmp_path, monkeypatch, capsys):
    from faceattr.tables import read_table

    example, _, faces = small_recipe(tmp_path, monkeypatch)
    example.main()
    first = capsys.readouterr().out
    assert count_laps(first) == [3, 2, 1, 1]
    table = read_table(tmp_path / "run" / "student-0-seed-0" / "hinted" / "predictions.csv")
    run = example.Run(faces, example.make_folds(faces), None, None, rough_look, tmp_path)
    seen = set(run.without(0).table["sample_id"])
    assert set(table["sample_id"]) ^ seen == set(faces.table["sample_id"])
    example.main()  # all is finished
    again = capsys.readouterr().out
    assert not {"pixels", "described"} & set(again.split())
    assert again in first
    assert f"| 0 | 0 | {len(table)} |" in again


def test_reproduce_utkface_goes_on(tmp_path, monkeypatch, capsys):
    from faceattr.tables import read_table

    example, _, _ = small_recipe(tmp_path, monkeypatch)
    example.main()
    folder = tmp_path / "run" / "student-0-seed-0"
    first = read_table(folder / "hinted" / "predictions.csv")
    for gone, laps in (([], [0, 0, 0, 0]), (["hinted/history.csv"], [0, 0, 0, 1])):
        capsys.readouterr()
        for name in ("hinted/predictions.csv", *gone):
            (folder / name).unlink()
        example.main()
        printed = capsys.readouterr().out
        assert count_laps(printed) == laps
        assert "described" not in printed
        again = read_table(folder / "hinted" / "predictions.csv")
        np.testing.assert_allclose(again["age_pred"], first["age_pred"], atol=1e-4)


def test_face_features(tmp_path, monkeypatch, capsys):
    example, _, faces = small_recipe(tmp_path, monkeypatch)
    example.main()
    measure = load("face_features", monkeypatch)
    run = ["--data", str(tmp_path / "UTKFace"), "--run", str(tmp_path / "run")]
    arguments = measure.parse_arguments(run)
    arguments.weights = None
    monkeypatch.setattr(measure, "parse_arguments", lambda given: arguments)
    capsys.readouterr()
    measure.main()
    printed = capsys.readouterr().out
    assert f"{len(example.make_folds(faces)[0])} images; labels explain" in printed
    assert [printed.count(name) for name in ("| ImageNet", "| student ")] == [1, 2]


def test_face_features_tell_what_they_hold(monkeypatch):
    load_recipe(monkeypatch)
    measure = load("face_features", monkeypatch)
    faces = Dataset.synthetic(300, size=32, seed=2)
    table = faces.table.assign(race="a")
    rng = np.random.default_rng(0)
    who, labels = rng.normal(size=(300, 6)), measure.looks(table)
    numbers = who + 2 * labels[:, :1]
    rest, explained = measure.beside_labels(numbers, table)
    assert explained == pytest.approx(0.5, abs=0.1)  # a deviation of 1 beside one of 2 x 0.5
    assert measure.told(np.float32(who), rest) > 0.9
    assert measure.told(np.float32(who[:, :3]), rest) == pytest.approx(0.5, abs=0.1)
    assert measure.told(np.float32(labels), rest) < 0.1


def test_reproduce_utkface_trains_on_everything(tmp_path, monkeypatch, capsys):
    from faceattr import Model

    example, arguments, faces = small_recipe(tmp_path, monkeypatch)
    arguments.everything = True
    example.main()
    printed = capsys.readouterr().out
    assert count_laps(printed) == [5, 4, 1, 1]
    assert f"{len(faces)} images at 56 pixels" in printed
    folder = tmp_path / "run" / "student-of-all-seed-0" / "hinted"
    shipped, hinted = (Model.from_pretrained(folder / name) for name in ("shipped", "model"))
    kept = (shipped.head_kinds["age"], shipped.image_size, shipped.head("age").level)
    assert kept == ("median", 56, pytest.approx(example.LEVEL))
    assert list(shipped.tasks) == ["age", "gender"]
    assert list(hinted.tasks) == ["age", "gender", *example.HINTS]
    images = np.stack([faces.read(row) for row in range(3)])
    genders = [some.predict(images)["gender_prob_male"].tolist() for some in (hinted, shipped)]
    assert genders[0] == pytest.approx(genders[1])


def test_reproduce_utkface_keeps_a_record_of_every_lap(tmp_path, monkeypatch):
    from faceattr import Model, TrainConfig

    example = load_recipe(monkeypatch)
    faces = Dataset.synthetic(40, size=32)
    model = Model(tasks=faces.tasks, weights=None, image_size=32)
    laps = [example.Lap(side, TrainConfig(epochs=1)) for side in (32, 48)]
    trained = example.train(model, faces, laps, seed=3, folder=tmp_path / "first")
    example.train(trained, faces, laps[:1], seed=7, folder=tmp_path / "second")
    info = Model.from_pretrained(tmp_path / "second" / "model").info
    records = [*info["earlier_training"], info["training"]]
    assert [record["config"]["seed"] for record in records] == [3, 103, 7]
    assert [record["image_size"] for record in info["earlier_training"]] == [32, 48]


def test_reproduce_utkface_predicts_mirror_images_too(monkeypatch):
    from faceattr import Model

    example = load_recipe(monkeypatch)
    faces = Dataset.synthetic(4, size=32)
    backbone = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 8))
    backbone.num_features = 8
    model = Model(backbone, faces.tasks, image_size=32)
    images = np.stack([faces.read(row) for row in range(len(faces))])
    plain, mirrored = (model.predict(some)["age_pred"] for some in (images, images[:, :, ::-1]))
    assert not np.allclose(plain, mirrored, atol=1e-3)
    both = example.predict_both_ways(model, faces)["age_pred"]
    np.testing.assert_allclose(both, (plain + mirrored) / 2, atol=1e-4)
    assert model.predict(faces)["age_pred"].tolist() == pytest.approx(plain.tolist())


def test_reproduce_utkface_has_two_teachers_for_each_fold(monkeypatch):
    example = load_recipe(monkeypatch)
    left_out = [fold for pair in example.RING for fold in pair]
    assert sorted(left_out) == sorted([*range(example.FOLDS)] * 2)
    faces = Dataset.synthetic(40, size=32)
    run = example.Run(faces, example.make_folds(faces), None, None, rough_look, Path())
    known = {pair: set(run.without(*pair).table["sample_id"]) for pair in example.RING}
    for fold in range(example.FOLDS):
        seen = set(run.without(fold).table["sample_id"])
        assert sum(ids < seen for ids in known.values()) == 2
    for sample in faces.table["sample_id"]:
        assert sum(sample in known[pair] for pair in example.OF_ALL) in (2, 3)


def test_face_hints_describe_both_ways(monkeypatch):
    hints = load("face_hints", monkeypatch)
    faces = Dataset.synthetic(hints.BATCH + 2, size=40)
    asked = []

    def look(chips):
        asked.extend(chips)
        return rough_look(chips)

    table = hints.describe(faces, look)
    assert table["sample_id"].tolist() == faces.table["sample_id"].tolist()
    assert {(chip.shape, chip.dtype) for chip in asked} == {((150, 150, 3), np.dtype(np.uint8))}
    last = hints.small(faces.read(len(faces) - 1))
    expected = (rough_look([last]) + rough_look([last[:, ::-1]]))[0] / 2
    np.testing.assert_allclose(table.iloc[-1, 1:].astype(float), expected)


def test_face_hints_say_what_is_missing(tmp_path, monkeypatch):
    hints = load("face_hints", monkeypatch)
    with pytest.raises(SystemExit, match=r"faces\.dat is no file; docs/pretrained\.md"):
        hints.face_network(tmp_path / "faces.dat")
    (tmp_path / "faces.dat").touch()
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(SystemExit, match="pip install dlib-bin"):
        hints.face_network(tmp_path / "faces.dat")


def test_face_hints_tell_what_is_labelled(monkeypatch):
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    hints = load("face_hints", monkeypatch)
    faces = Dataset.synthetic(600, size=32, seed=1)
    rng = np.random.default_rng(0)
    told = hints.looks(faces.table)[:, :2] + rng.normal(scale=0.1, size=(600, 2))
    numbers = np.concatenate([told, rng.normal(size=(600, 40))], axis=1)
    table = pd.DataFrame(numbers).assign(sample_id=faces.table["sample_id"])
    rows = np.arange(600) % 4 > 0
    made = hints.make_hints(faces.select(rows), table.sample(frac=1, random_state=0))
    assert made["sample_id"].tolist() == faces.table["sample_id"][rows].tolist()
    values = made[list(hints.HINTS)].to_numpy()
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(values.std(0), 1, rtol=1e-6)
    shares = [LinearRegression().fit(values, y).score(values, y) for y in told[rows].T]
    assert min(shares) > 0.9


def test_face_hints_take_no_missing_label_for_another(monkeypatch):
    import pandas as pd

    hints = load("face_hints", monkeypatch)
    faces = Dataset.synthetic(200, size=32, seed=1)
    numbers = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 20)))
    table = numbers.assign(sample_id=faces.table["sample_id"])
    ids = faces.table["sample_id"]
    untold = faces.with_labels(pd.DataFrame({"sample_id": ids[:150], "gender": None}))
    some, rest = hints.make_hints(untold, table), hints.make_hints(faces.select(ids[150:]), table)
    assert len(some) == 200
    scaled = some[list(hints.HINTS)].iloc[150:].to_numpy()
    scaled = (scaled - scaled.mean(0)) / scaled.std(0)
    np.testing.assert_allclose(scaled, rest[list(hints.HINTS)], atol=1e-6)


def test_search_optuna(tmp_path, monkeypatch, capsys):
    import pandas as pd

    example = load("search_optuna", monkeypatch)
    options = ["search_optuna.py", "--epochs", "2", "--size", "32", "--drawings", "60"]
    for trials in ("2", "3"):  # the second run goes on where the first one stopped
        arguments = [*options, "--trials", trials, "--out", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", arguments)
        example.main()
    table = pd.read_csv(tmp_path / "trials.csv")
    assert table["number"].tolist() == [0, 1, 2]
    assert table["params_lr"].iloc[0] == pytest.approx(example.STUDY.lr)
    assert table["params_lr"].nunique() == 3
    assert set(table["state"]) <= {"COMPLETE", "PRUNED"}
    assert "2 of 3 trials are done" in capsys.readouterr().out


def test_photos(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    load("photos", monkeypatch).main(images=120, epochs=1)
    written = {path.name for path in (tmp_path / "photos-output").iterdir()}
    assert {"photos", "chips", "chips.png", "predictions.csv"} <= written
    assert "12 faces in 4 photos" in capsys.readouterr().out


def test_explain(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    load("explain", monkeypatch).main(images=60, epochs=1, explained=3)
    written = {path.name for path in (tmp_path / "explain-output").iterdir()}
    assert {"age.png", "gender.png", "weights.csv", "grades.csv"} <= written
    assert "of 6 explanations are to be trusted" in capsys.readouterr().out


def test_explain_utkface(tmp_path, monkeypatch):
    from faceattr import Model
    from faceattr.tables import write_table

    faces = Dataset.synthetic(6, size=64)
    for number, name in enumerate(faces.table["sample_id"]):
        cv2.imwrite(str(tmp_path / f"{name}.png"), faces.read(number))
    model = Model(tasks=faces.tasks, weights=None, image_size=64)
    model.save_pretrained(tmp_path / "model")
    table = model.predict(faces)
    table["sample_id"] = table["sample_id"] + ".png"
    write_table(table, tmp_path / "predictions.csv")
    script = load("explain_utkface", monkeypatch)
    monkeypatch.setattr(script, "USUAL", 30)
    options = {"data": "", "model": "model", "predictions": "predictions.csv", "work": "work"}
    given = [part for key, value in options.items() for part in (f"--{key}", tmp_path / value)]
    given += ["--images", 5, "--samples", 20, 30, "--out", tmp_path / "page"]
    monkeypatch.setattr(sys, "argv", ["explain_utkface.py", *map(str, given)])
    script.main()
    page = (tmp_path / "page" / "explain-utkface.md").read_text(encoding="utf-8")
    assert "the widest gap between insertion and deletion has" in page
    assert "| age | face | 20 |" in page
    assert (tmp_path / "page" / "explain-utkface.png").exists()
