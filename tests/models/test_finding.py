"""Where models come from: folders, the package, the hub. Nothing here asks a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest

from faceattr import Model, RegressionTask
from faceattr.exceptions import InvalidTypeError, ModelFileError
from faceattr.models import bundled, bundled_models

NAME = "tiny-drawings"


@pytest.fixture
def folder(tmp_path):
    model = Model(tasks=RegressionTask("age", bounds=(0, 9)), weights=None, image_size=32)
    model.info = {"training_data": "drawings", "licence": "for drawings only"}
    model.card = "# Card\n"
    return model.save_pretrained(tmp_path / "model")


@pytest.fixture
def package(tmp_path, folder, monkeypatch):
    """A package with one model, and a folder that is none."""
    home = tmp_path / "bundled"
    shutil.copytree(folder, home / NAME)
    (home / "not-yet").mkdir()
    (home / "not-yet" / "LICENSE.txt").write_text("of weights to come")
    monkeypatch.setattr(bundled, "FOLDER", home)
    monkeypatch.setattr(bundled, "_given", set())
    monkeypatch.delenv("FACEATTR_NO_NOTICE", raising=False)
    return home


class Hub:
    """Stands for the one function that downloads."""

    def __init__(self, folder):
        self.folder, self.asked, self.error = folder, [], None

    def __call__(self, repository, *, revision=None, allow_patterns=None):
        self.asked.append((repository, revision))
        self.allowed = set(allow_patterns)
        if self.error is not None:
            raise self.error
        return str(self.folder)


@pytest.fixture
def hub(folder, monkeypatch):
    hub = Hub(folder)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub)
    return hub


def test_a_folder_goes_before_a_bundled_name_and_both_before_the_hub(
    package, folder, hub, monkeypatch, tmp_path
):
    assert bundled_models() == (NAME,)
    assert Model.from_pretrained(NAME).card == "# Card\n"
    monkeypatch.chdir(tmp_path)
    own = Model(tasks=RegressionTask("height", bounds=(0, 9)), weights=None, image_size=32)
    own.save_pretrained(NAME)
    own.save_pretrained("user/name")
    assert list(Model.from_pretrained(NAME).tasks) == ["height"]
    assert list(Model.from_pretrained("user/name").tasks) == ["height"]
    assert list(Model.from_pretrained(Path("user") / "name").tasks) == ["height"]
    assert hub.asked == []


def test_a_folder_of_a_bundled_name_hides_it_only_with_a_model(
    package, monkeypatch, tmp_path, caplog
):
    monkeypatch.chdir(tmp_path)
    Path(NAME).mkdir()
    assert list(Model.from_pretrained(NAME).tasks) == ["age"]
    assert caplog.records == []
    Model(tasks=RegressionTask("height"), weights=None, image_size=32).save_pretrained(NAME)
    assert list(Model.from_pretrained(NAME).tasks) == ["height"]
    assert f"the folder {NAME}, not the bundled model" in caplog.text


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b"])
def test_a_name_that_no_file_can_have(name):
    with pytest.raises(ModelFileError, match="no saved model here"):
        Model.from_pretrained(name)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("anna/faces", ("anna/faces", None)),
        ("anna/faces@v1.2", ("anna/faces", "v1.2")),
        ("anna/faces@refs/pr/3", ("anna/faces", "refs/pr/3")),
    ],
)
def test_the_hub_is_asked_for_few_files(hub, package, capsys, name, asked):
    assert list(Model.from_pretrained(name).tasks) == ["age"]
    assert hub.asked == [asked]
    assert hub.allowed == {
        *("config.json", "model.safetensors", "MODEL_CARD.md", "LICENSE.txt", "LICENSE")
    }
    assert capsys.readouterr().err == ""


def test_a_hub_that_does_not_answer(hub, folder):
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    request = HfHubHTTPError.__bases__[0]
    for error in (LocalEntryNotFoundError("no network"), ValueError("bad"), request("proxy")):
        hub.error = error
        with pytest.raises(ModelFileError, match="hub does not give it") as caught:
            Model.from_pretrained("anna/faces")
        assert "'anna/faces'" in str(caught.value)
        assert type(error).__name__ in str(caught.value)


def test_a_repository_of_something_else(hub, tmp_path):
    hub.folder = tmp_path
    with pytest.raises(ModelFileError, match="holds no model of faceattr"):
        Model.from_pretrained("anna/faces")


def test_what_was_tried_is_told(hub, package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    expected = {
        "tiny-drawing": ["no saved model here", NAME, f"did you mean '{NAME}'", "not bundled"],
        "out/modle": ["there is a folder 'out'", str(tmp_path / "out" / "modle")],
        "/nowhere/at/all": ["not of the form user/name"],
        "../user/name/": ["not of the form user/name"],
    }
    for name, texts in expected.items():
        with pytest.raises(ModelFileError) as caught:
            Model.from_pretrained(name)
        for text in texts:
            assert text.replace("not bundled", "not a bundled model") in str(caught.value)
    with pytest.raises(ModelFileError, match="no saved model here"):
        Model.from_pretrained(Path("anna/faces"))  # a path is never a name
    assert hub.asked == []


def test_without_bundled_models(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "FOLDER", tmp_path)
    assert bundled_models() == ()
    with pytest.raises(ModelFileError, match="this installation has none"):
        Model.from_pretrained("utkface-mobilenetv3-small")


@pytest.mark.parametrize("wrong", [3, None, b"name", ["a"]])
def test_what_is_no_name_is_refused(wrong):
    with pytest.raises(InvalidTypeError, match="name_or_folder"):
        Model.from_pretrained(wrong)


def test_the_notice_is_given_once(package, folder, capsys):
    Model.from_pretrained(folder)
    assert capsys.readouterr().err == ""
    Model.from_pretrained(NAME)
    notice = capsys.readouterr()
    assert notice.out == ""
    assert notice.err.count("\n") == 1
    for text in (NAME, "not MIT", "for drawings only", str(package / NAME / "LICENSE.txt")):
        assert text in notice.err
    for text in ("decisions about people", "check anybody's age", "identity"):
        assert text in notice.err
    Model.from_pretrained(NAME)
    assert capsys.readouterr().err == ""


def test_the_notice_of_a_path_into_the_package_too(package, capsys):
    Model.from_pretrained(package / NAME)
    assert NAME in capsys.readouterr().err


def test_the_notice_can_be_silenced(package, capsys, monkeypatch):
    monkeypatch.setenv("FACEATTR_NO_NOTICE", "1")
    Model.from_pretrained(NAME)
    assert capsys.readouterr().err == ""


def test_the_hubs_package_is_loaded_only_when_it_is_asked():
    code = "import sys, faceattr.models; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
