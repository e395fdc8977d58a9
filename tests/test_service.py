"""The gate of examples/service.py: every answer is JSON, and no bytes hurt it."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceattr import Dataset, Model, QualityFilter, TrainConfig, Trainer
from faceattr.calibration import Abstention, Calibration, ClassCalibration
from faceattr.evaluation import Abstain, Calibrator
from faceattr.exceptions import ImageReadError
from faceattr.images import read_image
from hostile_samples import encoded, hostile, noise

SCRIPT = Path(__file__).parents[1] / "examples" / "service.py"
HOSTILE = hostile()


@pytest.fixture(scope="module")
def service() -> ModuleType:
    spec = importlib.util.spec_from_file_location("service", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return Dataset.synthetic(120, seed=0, size=80)


@pytest.fixture(scope="module")
def folder(faces: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, trained on drawings and calibrated; it abstains from a fifth of genders."""
    train, held_out = faces.split(train=0.6, test=0.4, seed=0)
    model = Model(tasks=faces.tasks, weights=None, image_size=32)
    Trainer(TrainConfig(epochs=1, batch_size=16), progress=False).fit(model, train)
    calibrator = Calibrator(0.9, abstain={"gender": Abstain(coverage=0.8)}, tasks=faces.tasks)
    model.calibration = calibrator.fit(model.predict(held_out))
    model.info |= {"name": "drawings", "licence": "CC0-1.0"}
    return model.save_pretrained(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def gate(service: ModuleType, folder: Path) -> Any:
    return service.Gate.open(str(folder), "lenient")


@pytest.fixture(scope="module")
def good(faces: Dataset) -> list[bytes]:
    """Drawings that the filter accepts."""
    images = [faces.read(number) for number in range(30)]
    quality = QualityFilter("lenient")
    files = [encoded(Image.fromarray(image), "PNG") for image in images]
    accepted = [data for data in files if quality.check(data).accepted]
    assert len(accepted) > 10
    return accepted


def test_an_accepted_image(gate: Any, folder: Path, good: list[bytes]) -> None:
    answers = [gate.answer(data) for data in good]
    table = Model.from_pretrained(folder).predict(good, batch_size=1)
    for said, (_, row) in zip(answers, table.iterrows(), strict=True):
        assert json.loads(json.dumps(said, allow_nan=False)) == said
        assert (said["status"], said["reasons"], said["advice"]) == ("accepted", [], [])
        age, gender = said["predictions"]["age"], said["predictions"]["gender"]
        assert age["value"] == pytest.approx(row["age_pred"], abs=1e-3)
        assert [age["low"], age["high"]] == pytest.approx(
            [row["age_low"], row["age_high"]], abs=1e-3
        )
        assert (age["level"], age["unit"], age["abstained"]) == (0.9, "years", False)
        assert gender["abstained"] == row["gender_abstain"]
        if row["gender_abstain"]:
            assert gender == {"abstained": True}
        else:
            assert gender["value"] == row["gender_pred"]
            assert sum(gender["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert said["model"] == {"name": "drawings", "licence": "CC0-1.0"}
        assert "as labelled" in said["statement"]
        assert "size" in said["scores"]
    assert table["gender_abstain"].nunique() == 2


def test_a_model_that_is_never_sure_abstains(
    service: ModuleType, faces: Dataset, good: list[bytes]
):
    task = faces.tasks["gender"]
    model = Model(tasks=task, weights=None, image_size=32)
    rule = Abstention(threshold=1.0, n=10, coverage=0.1, right=1.0)
    model.calibration = Calibration((ClassCalibration(task, 1.0, 10, rule),))
    said = service.Gate(model, "unsure", QualityFilter("lenient")).answer(good[0])
    assert (said["status"], said["reasons"]) == ("abstained", ["the model is not sure enough"])
    assert said["predictions"] == {"gender": {"abstained": True}}
    assert said["model"]["licence"] == "not stated"


def test_without_calibration_there_is_no_interval(
    service: ModuleType, faces: Dataset, good: list[bytes]
) -> None:
    model = Model(tasks=faces.tasks["age"], weights=None, image_size=32)
    said = service.Gate(model, "bare", QualityFilter("lenient")).answer(good[0])
    age = said["predictions"]["age"]
    assert (age["low"], age["high"], age["level"]) == (None, None, None)
    assert 0 <= age["value"] <= 116


def test_a_dark_picture_is_refused_with_advice(gate: Any) -> None:
    dark = Image.fromarray((np.asarray(noise()) * 0.05).astype(np.uint8))
    said = gate.answer(encoded(dark, "PNG"))
    assert said["status"] == "refused"
    assert said["reasons"][0].startswith("too dark (luminance ")
    assert said["advice"]
    assert said["predictions"] == {}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_hostile_bytes_are_refused(gate: Any, name: str) -> None:
    said = gate.answer(HOSTILE[name])
    assert said["status"] == "refused"
    assert len(said["reasons"]) == len(said["advice"]) == 1
    assert json.dumps(said, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("six megabytes", "too large (at most 5000000 bytes)"),
        ("png of 12000 squared", "too large"),
        ("jpeg with two sizes", "too large ((3000, 3000), at most 4194304 pixels)"),
        ("GIF of 50000 squared", "not a picture (JPEG or PNG or WebP)"),
        ("jpeg of endless scans", "made to be decoded for ever (at most 100 scans)"),
        ("script", "not a picture (JPEG or PNG or WebP)"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_reason_is_told(gate: Any, name: str, reason: str) -> None:
    assert gate.answer(HOSTILE[name])["reasons"][0].startswith(reason)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_the_library_itself_reads_none_of_them(name: str) -> None:
    if name == "png that holds its 9000 squared":
        pytest.skip("the library's own limit is higher")
    if name in {"six megabytes", "jpeg with two sizes"}:
        assert read_image(HOSTILE[name]).ndim == 3
        return
    with pytest.raises(ImageReadError):
        read_image(HOSTILE[name])


CHILD = """
import importlib.util, json, sys
import numpy as np
spec = importlib.util.spec_from_file_location("service", sys.argv[1])
service = importlib.util.module_from_spec(spec)
spec.loader.exec_module(service)
from hostile_samples import encoded, noise
def peak():
    status = open("/proc/self/status").read()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024
gate = service.Gate.open(sys.argv[2], "lenient")
gate.answer(encoded(noise(2048, 2048), "PNG"))  # the largest that is decoded
before = peak()
lines = service.read_lines(sys.stdin.buffer, gate.max_bytes)
said = [gate.answer(data)["status"] for data in lines]
print(json.dumps({"said": said, "before": before, "more": peak() - before}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux alone")
def test_memory_is_bounded_whatever_comes(folder: Path) -> None:
    lines = [base64.b64encode(data) for data in HOSTILE.values()]
    lines += [b"A" * 40_000_000, b"no base64 \xff", b""]
    places = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, str(SCRIPT), str(folder)],
        input=b"\n".join(lines) + b"\n",
        check=False,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": places},
        timeout=300,  # nothing may hang
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["said"] == ["refused"] * len(lines)
    assert found["more"] < 100, found


@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP"]),
    cut=st.floats(0.5, 1),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_damage_is_answered(
    gate: Any, kind: str, cut: float, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(encoded(noise(64, 64), kind))
    for place, value in changes:
        data[int(place * len(data))] = value
    said = gate.answer(bytes(data[: round(cut * len(data))]))
    assert said["status"] in {"accepted", "refused", "abstained"}
    assert json.dumps(said, allow_nan=False)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"])
)
def test_any_bytes_are_answered(gate: Any, data: bytes, start: bytes) -> None:
    assert gate.answer(start + data)["status"] == "refused"


def test_pictures_of_odd_kinds_are_read(gate: Any, folder: Path, good: list[bytes]) -> None:
    picture = Image.open(io.BytesIO(good[0])).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    gray = np.asarray(picture.convert("L")).astype(np.uint16) * 256
    more = {"save_all": True, "append_images": [Image.new("RGB", picture.size, "red")]}
    kinds = {
        "cmyk": encoded(picture.convert("CMYK"), "JPEG", quality=95),
        "exif": encoded(picture, "JPEG", exif=exif, quality=95),
        "sixteen bits": encoded(Image.fromarray(gray), "PNG"),
        "alpha": encoded(picture.convert("RGBA"), "PNG"),
        "animation": encoded(picture, "WEBP", quality=95, **more),
    }
    model = Model.from_pretrained(folder)
    for name, data in kinds.items():
        said = gate.answer(data)
        assert said["status"] == "accepted", (name, said["reasons"])
        expected = model.predict([data])["age_pred"].iloc[0]
        assert said["predictions"]["age"]["value"] == pytest.approx(expected, abs=1e-3)


def test_files_and_lines(
    service: ModuleType,
    folder: Path,
    good: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "good.png").write_bytes(good[0])
    (tmp_path / "bad.png").write_bytes(b"no image")
    command = ["service.py", "--model", str(folder), "--preset", "lenient"]
    files = [str(tmp_path / name) for name in ("good.png", "bad.png")]
    monkeypatch.setattr(sys, "argv", [*command, *files])
    service.main()
    by_file = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(said["image"], said["status"]) for said in by_file] == [
        *((files[0], "accepted"), (files[1], "refused"))
    ]
    lines = base64.b64encode(good[0]) + b"\r\n" + base64.b64encode(b"no image")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    monkeypatch.setattr(sys, "argv", command)
    service.main()
    by_line = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [said["image"] for said in by_line] == [0, 1]
    assert [said["predictions"] for said in by_line] == [said["predictions"] for said in by_file]


def test_a_model_that_is_not_there_is_told(
    service: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["service.py", "--model", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match=r"cannot be loaded .*--model"):
        service.main()


@pytest.mark.parametrize("length", [10, 11, 12, 13, 14, 100])
def test_long_lines_are_seen_to_be_too_long(service: ModuleType, length: int) -> None:
    stream = io.BytesIO(base64.b64encode(bytes(length)) + b"\n" + base64.b64encode(b"next"))
    first, second = service.read_lines(stream, 10)
    assert len(first) == length if length <= 12 else 10 < len(first) < 20
    assert second == b"next"
