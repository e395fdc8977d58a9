"""Spoil drawn faces in three ways, score them, and learn what a filter says of each.

Seconds, no network, nobody's picture: the faces are drawings. What is good enough is learned from
the drawings as they are, so that no threshold is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from faceattr import Dataset, QualityFilter
from faceattr.tables import write_table

OUTPUT = Path("quality-output")

Picture = npt.NDArray[np.uint8]


def darken(image: Picture) -> Picture:
    return (image * 0.15).astype(np.uint8)


def blur(image: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 4), dtype=np.uint8)


def compress(image: Picture) -> Picture:
    _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 4])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def unchanged(image: Picture) -> Picture:
    return image


WAYS: Mapping[str, Callable[[Picture], Picture]] = {
    "good": unchanged,
    "dark": darken,
    "blurred": blur,
    "compressed": compress,
}


def write_pictures(folder: Path, images: int) -> None:
    faces = Dataset.synthetic(images, seed=0, size=128)
    for row in range(images):
        for way, spoil in WAYS.items():
            target = folder / way / f"{row:03}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), spoil(faces.read(row))[:, :, ::-1])


def main(images: int = 40) -> None:
    pictures = OUTPUT / "pictures"
    write_pictures(pictures, images)
    (pictures / "broken.png").write_bytes(b"not a picture")

    quality = QualityFilter().score(pictures, progress=True)
    good = quality[quality["sample_id"].str.startswith("good/")]
    limits = {
        "luminance": (0.01, 0.99),
        "laplacian_variance": (0.01, None),
        "blockiness": (None, 0.99),
    }
    chosen = QualityFilter(quantiles=limits).fit(good)
    print(chosen.summary(quality))

    flagged = chosen.flag(quality)
    kind = flagged["sample_id"].str.split("/").str[0]
    counts = (flagged["reasons"] != "").groupby(kind).agg(["sum", "count"])
    print(counts.rename(columns={"sum": "flagged", "count": "of"}).to_string())
    for way in WAYS:
        print(f"\n{way}: {chosen.check(pictures / way / '000.png')}")
    print(f"\nbroken: {chosen.check(pictures / 'broken.png')}")

    write_table(flagged, OUTPUT / "quality.csv")
    chosen.plot(quality, pictures).savefig(OUTPUT / "quality.png", dpi=110)
    chosen.to_html(OUTPUT / "quality.html", pictures, quality)
    print(f"\nthe table, the figure and the page lie in {OUTPUT}/")


if __name__ == "__main__":
    main()
