"""Find faces in photos, warp them to the template, and predict each.

No network, nobody's picture: the photos are empty walls with drawings of faces on them, turned and
scaled. Without a face detector's file the places of the faces are known from putting them there;
``--yunet FILE`` also searches them with YuNet, and tells how many it finds::

    python examples/photos.py --yunet face_detection_yunet_2023mar.onnx
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from faceattr import Dataset, Model, TrainConfig, Trainer
from faceattr.faces import Face, FaceDetector, crop_faces, find_faces, template_points
from faceattr.images import UInt8Image
from faceattr.report.figures import gallery
from faceattr.tables import write_table

OUTPUT = Path("photos-output")
SIDE = 128
EACH = 3
HEIGHT, WIDTH = 600, 1100


class Remembered:
    """A detector of one's own: it knows the photos that were made here, by their pixels."""

    def __init__(self) -> None:
        self._faces: dict[bytes, list[Face]] = {}

    def remember(self, photo: UInt8Image, faces: list[Face]) -> None:
        self._faces[blake2b(photo.tobytes()).digest()] = faces

    def detect(self, photo: UInt8Image, /) -> Sequence[Face]:
        return self._faces.get(blake2b(photo.tobytes()).digest(), [])


def main(images: int = 2500, epochs: int = 8, yunet: str | None = None) -> None:
    OUTPUT.mkdir(exist_ok=True)
    torch.set_num_threads(1)  # several only wait for each other on so small a network
    os.environ.setdefault("FACEATTR_CACHE", str(OUTPUT / "cache"))
    train, test = Dataset.synthetic(images, seed=0, size=SIDE).split(train=0.9, test=0.1, seed=0)
    model = Model(tasks=train.tasks, weights=None, image_size=64, seed=0)
    Trainer(TrainConfig(epochs=epochs, batch_size=32, lr=0.004)).fit(model, train)

    detector = Remembered()
    shown = test.select(test.table["sample_id"][: len(test) // EACH * EACH])
    make_photos(shown, OUTPUT / "photos", detector)
    ages = shown.table["age"].to_numpy()

    alone = model.predict(shown)
    found = model.predict(OUTPUT / "photos", faces=detector)
    print(f"{len(found)} faces in {len(found) // EACH} photos; mean error in years of")
    print(f"  the drawings as they were   {np.abs(alone['age_pred'] - ages).mean():.1f}")
    print(f"  the faces in the photos     {np.abs(found['age_pred'] - ages).mean():.1f}")
    print("and what happens where photos are taken for chips:")
    model.predict(OUTPUT / "photos")  # a warning, and one row a photo
    write_table(found, OUTPUT / "predictions.csv")

    shutil.rmtree(OUTPUT / "chips", ignore_errors=True)  # of an earlier run; nothing is replaced
    chips = crop_faces(OUTPUT / "photos", OUTPUT / "chips", detector).head(12)
    pictures = [np.array(Image.open(path)) for path in chips["chip"]]
    gallery(pictures, chips["sample_id"].tolist(), title="Warped to the template").savefig(
        OUTPUT / "chips.png", dpi=110
    )
    if yunet is not None:
        search(FaceDetector(yunet), len(found))
    print(f"photos, chips and tables lie in {OUTPUT}/")


def search(detector: FaceDetector, there: int) -> None:
    """Search the same photos with YuNet, which has only seen photographs of people."""
    table = find_faces(OUTPUT / "photos", detector)
    write_table(table, OUTPUT / "found.csv")
    print(f"YuNet finds {int((table['error'] == '').sum())} of {there} drawn faces")


def make_photos(faces: Dataset, folder: Path, detector: Remembered) -> None:
    """Put drawings on walls, three a photo, from left to right."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for start in range(0, len(faces), EACH):
        wall = rng.integers(60, 200, 3)
        photo = np.full((HEIGHT, WIDTH, 3), wall, dtype=np.uint8)
        there = []
        for place in range(EACH):
            centre = (200.0 + 350 * place + rng.uniform(-20, 20), rng.uniform(220, 380))
            spot = placing(rng.uniform(0.9, 1.7), rng.uniform(-30, 30), centre)
            there.append(put(faces.read(start + place), photo, spot))
        Image.fromarray(photo).save(folder / f"photo-{start // EACH:03d}.png")
        detector.remember(photo, there)


def placing(scale: float, degrees: float, centre: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return the map (2, 3) of a drawing into a photo."""
    angle = math.radians(degrees)
    turn = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    return np.column_stack([turn, np.array(centre) - turn @ np.full(2, SIDE / 2)])


def put(drawing: UInt8Image, photo: UInt8Image, spot: npt.NDArray[np.float64]) -> Face:
    """Paint a drawing into a photo and return where its face is."""
    moved = spot.copy()
    moved[:, 2] += moved[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts from the middle of a pixel
    size = (WIDTH, HEIGHT)
    border = cv2.BORDER_TRANSPARENT
    cv2.warpAffine(drawing, moved, size, photo, cv2.INTER_LINEAR, border)
    ends = np.array([(x, y) for x in (0, SIDE) for y in (0, SIDE)]) @ spot[:, :2].T + spot[:, 2]
    left, top = np.clip(ends.min(axis=0), 0, size).tolist()
    right, bottom = np.clip(ends.max(axis=0), 0, size).tolist()
    landmarks = template_points(SIDE) @ spot[:, :2].T + spot[:, 2]
    return Face((left, top, right - left, bottom - top), landmarks, 1.0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--yunet", metavar="FILE", help="the ONNX file of a YuNet")
    return parser.parse_args()


if __name__ == "__main__":
    main(yunet=parse_arguments().yunet)
