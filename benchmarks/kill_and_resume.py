"""Kill trainings at random moments, let them go on, and compare the weights bit for bit.

    python benchmarks/kill_and_resume.py [--kills 20] [--seed 0] [--page docs/results/kills.md]

Half of the moments are drawn over the whole training, the others fall while a checkpoint is being
written. Every training has a folder and a cache of its own. Exits with 1 if one ends elsewhere.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from faceattr import Dataset, Model, TrainConfig, Trainer, __version__
from faceattr.report.markdown import to_markdown

EPOCHS = 6
POLL = 0.0005


@dataclass(frozen=True)
class Scene:
    """A folder in which one training runs, as a process of its own."""

    folder: Path
    images: int

    @property
    def checkpoints(self) -> Path:
        return self.folder / "run"

    def start(self) -> subprocess.Popen[bytes]:
        (self.folder / "started").unlink(missing_ok=True)
        command = [sys.executable, __file__, "--train", str(self.folder)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [*command, "--images", str(self.images)], env=environment, stderr=subprocess.PIPE
        )
        while not (self.folder / "started").exists():
            if process.poll() is not None:
                raise RuntimeError(process.communicate()[1].decode())
            time.sleep(POLL)
        return process

    def finish(self) -> str:
        """Run to the end; return the hash of the weights."""
        process = self.start()
        _, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(errors.decode())
        return (self.folder / "hash").read_text()

    def whole(self) -> list[str]:
        return sorted(path.name for path in self.checkpoints.glob("epoch-*"))

    def partial(self) -> list[Path]:
        return list(self.checkpoints.glob(".partial-*"))


def main() -> None:
    options = parse_options()
    if options.train:
        train(options.train, options.images)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows, expected, seconds = run_all(Path(folder), options)
    table = pd.DataFrame(rows).set_index("kill")
    ended = (table["hash"] == expected).sum()
    print(to_markdown(table))
    print(f"{ended} of {len(table)} trainings ended with the weights of the undisturbed one")
    if options.page:
        options.page.write_text(page_of(table, expected, seconds, options), encoding="utf-8")
    sys.exit(int(ended < len(table)))


def train(folder: Path, images: int) -> None:
    """Train, going on from where an earlier process was killed; what is killed."""
    faces = Dataset.synthetic(images, seed=0, size=32)
    train, valid = faces.split(train=0.8, valid=0.2, seed=0)
    model = Model(tasks=faces.tasks, weights=None, image_size=32, dropout=0.2, seed=0)
    config = TrainConfig(
        epochs=EPOCHS, batch_size=32, mixup=0.2, restore="average", average_epochs=3
    )
    trainer = Trainer(
        config,
        progress=False,
        cache_folder=folder / "cache",
        checkpoint_folder=folder / "run",
    )
    (folder / "started").touch()
    trainer.fit(model, train, valid, resume=True)
    digest = hashlib.sha256()
    for key, value in model.state_dict().items():
        digest.update(key.encode() + value.contiguous().numpy().tobytes())
    (folder / "hash").write_text(digest.hexdigest()[:16])


def run_all(
    folder: Path, options: argparse.Namespace
) -> tuple[list[dict[str, object]], str, float]:
    drawn = random.Random(options.seed)
    undisturbed = Scene(folder / "undisturbed", options.images)
    undisturbed.folder.mkdir()
    started = time.perf_counter()
    process = undisturbed.start()
    began = time.perf_counter()
    while not (undisturbed.folder / "hash").exists() and process.poll() is None:
        time.sleep(POLL)
    seconds = time.perf_counter() - began
    process.communicate()
    expected = undisturbed.finish()  # the training is over: this only reads its end
    print(f"undisturbed: {expected}, {seconds:.1f} s ({began - started:.1f} s to start)")
    rows: list[dict[str, object]] = []
    for number in range(options.kills):
        scene = Scene(folder / f"{number}", options.images)
        scene.folder.mkdir()
        inside = number % 2 == 1
        row = kill_in_writing(scene, drawn) if inside else kill_at(scene, drawn, seconds)
        rows.append({"kill": number + 1, **row, "hash": scene.finish()})
        rows[-1]["equal"] = "yes" if rows[-1]["hash"] == expected else "NO"
        print(rows[-1])
        shutil.rmtree(scene.folder)
    return rows, expected, seconds


def kill_at(scene: Scene, drawn: random.Random, seconds: float) -> dict[str, object]:
    moment = drawn.uniform(0, seconds)
    process = scene.start()
    time.sleep(moment)
    return killed(scene, process, f"{moment:.3f} s after the start")


def kill_in_writing(scene: Scene, drawn: random.Random) -> dict[str, object]:
    epoch, delay = drawn.randint(1, EPOCHS), drawn.uniform(0, 0.03)
    process = scene.start()
    while not any(path.name.endswith(f"epoch-{epoch:06d}") for path in scene.partial()):
        if process.poll() is not None:
            break
        time.sleep(POLL)
    time.sleep(delay)
    return killed(scene, process, f"{1000 * delay:.1f} ms into the writing of epoch {epoch}")


def killed(scene: Scene, process: subprocess.Popen[bytes], moment: str) -> dict[str, object]:
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = scene.whole()
    return {
        "moment": moment,
        "half-written": ", ".join(counted(path) for path in scene.partial()) or "-",
        "goes on from": whole[-1] if whole else "the beginning",
    }


def counted(folder: Path) -> str:
    count = len(list(folder.iterdir()))
    return "1 file" if count == 1 else f"{count} files"


def page_of(table: pd.DataFrame, expected: str, seconds: float, options: argparse.Namespace) -> str:
    inside = (table["half-written"] != "-").sum()
    return f"""# Killed trainings

```
python benchmarks/kill_and_resume.py --kills {options.kills} --seed {options.seed} \\
    --page docs/results/kills.md
```

Each of {len(table)} trainings (MobileNetV3-Small, drawings, {EPOCHS} epochs of
{int(0.8 * options.images)} images, dropout, mixup, running average, mean of late epochs) was ended
by SIGKILL at the moment shown, {inside} of them with a checkpoint half written, and run again with
`resume`. {(table["hash"] == expected).sum()} of {len(table)} ended with the weights of the
undisturbed training (`{expected}`, the start of their SHA-256), which took {seconds:.1f} s. One
thread on the CPU ({platform.machine()}), faceattr {__version__}, torch {torch.__version__}. Moments
count from the call of `fit`, which fills the image cache first.

{to_markdown(table)}
"""


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill trainings and let them go on.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--page", type=Path, help="write the table here")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
