from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
CHANGES = {
    'Dataset.from_utkface("UTKFace/")': "Dataset.synthetic(60, seed=0, size=32)",
    'weights="imagenet", image_size=128': "weights=None, image_size=32",
    "TrainConfig(epochs=18, seed=0)": "TrainConfig(epochs=1, batch_size=16, seed=0)",
    "n_boot=1000": "n_boot=20",
}


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.findall(r"```python\n(.*?)```", README, flags=re.S)[0]
    for written, small in CHANGES.items():
        assert written in code
        code = code.replace(written, small)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert len(names["predictions"]) == len(names["test"])  # type: ignore[arg-type]
    assert list((tmp_path / "out").glob("*.safetensors"))


def test_the_files_it_points_to_are_there() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    assert not [target for target in targets if not (Path(__file__).parents[1] / target).exists()]


@pytest.mark.parametrize(
    "command",
    [
        "python -m pip install -c constraints.txt . && python examples/quickstart.py",
        "python -m pip install nox && nox -s tests",
    ],
)
def test_the_two_commands_stand_there(command: str) -> None:
    assert f"```bash\n{command}\n```" in README
