"""Make the data file of BRISQUE's support vectors from the package that publishes them.

    python -m pip download brisque==0.2.0 --no-deps --no-binary brisque
    python scripts/make_brisque_vectors.py brisque-0.2.0.tar.gz

Writes src/faceattr/quality/data/brisque-vectors.npz and the licence beside it. Nothing of the
package is executed: the archive's text file of the model (libsvm's format) is parsed.
"""

from __future__ import annotations

import argparse
import hashlib
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).parents[1] / "src" / "faceattr" / "quality" / "data"
MODEL, LICENCE = "brisque-0.2.0/brisque/models/svm.txt", "brisque-0.2.0/LICENSE"
MODEL_SHA256 = "19526fb799c4c7992ccc109fcfecddb25976ba024b194cd3ee275d27e8909c8d"
FEATURES = 36
NOTICE = """\
brisque-vectors.npz holds the support vectors, coefficients, rho and gamma of the file
brisque/models/svm.txt of the package "brisque" 0.2.0 by Rehan Guha, licensed under the Apache
License 2.0, whose text follows. Changed: the numbers were converted from libsvm's text format to
NumPy arrays of float32 by scripts/make_brisque_vectors.py; nothing else of the package is used.

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("archive", type=Path, help="brisque-0.2.0.tar.gz")
    with tarfile.open(parser.parse_args().archive) as archive:
        model, licence = (read_member(archive, name) for name in (MODEL, LICENCE))
    found = hashlib.sha256(model).hexdigest()
    if found != MODEL_SHA256:
        raise SystemExit(f"{MODEL} has the SHA-256 {found}, expected {MODEL_SHA256}")
    TARGET.mkdir(parents=True, exist_ok=True)
    np.savez(TARGET / "brisque-vectors.npz", **parse_model(model.decode("ascii")))
    (TARGET / "LICENSE-brisque.txt").write_text(NOTICE + licence.decode("utf-8"), encoding="utf-8")


def read_member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise SystemExit(f"the archive holds no {name}")
    return file.read()


def parse_model(text: str) -> dict[str, Any]:
    """Read libsvm's text format of an epsilon-SVR with a radial kernel."""
    header, _, body = text.partition("SV\n")
    settings = dict(line.split(" ", 1) for line in header.strip().splitlines())
    lines = [line.split() for line in body.strip().splitlines()]
    vectors = np.zeros((len(lines), FEATURES), dtype=np.float32)
    for row, (_, *entries) in enumerate(lines):
        for entry in entries:
            position, value = entry.split(":")
            vectors[row, int(position) - 1] = float(value)
    if len(lines) != int(settings["total_sv"]) or settings["kernel_type"] != "rbf":
        raise SystemExit(f"not the model that was expected: {settings}")
    return {
        "vectors": vectors,
        "coefficients": np.array([float(line[0]) for line in lines], dtype=np.float32),
        "rho": np.float64(settings["rho"]),
        "gamma": np.float64(settings["gamma"]),
    }


if __name__ == "__main__":
    main()
