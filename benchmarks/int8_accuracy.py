"""Compare an 8-bit file with its model on images that the model has not seen, in pairs.

    python benchmarks/int8_accuracy.py MODEL_FOLDER --data UTKFACE [--page FILE] [--calibrate 512]

The folder is one that `faceattr train` wrote: its ``predictions.csv`` says which images were held
out. Calibrated is with images that are not among them. The differences are those of
`faceattr.compare`, 8 bits against float by ONNX Runtime, by age.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _common import machine, table_text
from faceattr import Dataset, Model, compare
from faceattr.report.markdown import to_markdown
from faceattr.tables import read_table

BINS = {"age": [0, 4, 14, 24, 40, 60, 80, None]}
COLUMNS = [
    "task",
    "metric",
    "by",
    "bin",
    "n",
    "value_a",
    "value_b",
    "difference",
    "ci_low",
    "ci_high",
]
METRICS = ["mae", "accuracy", "log_loss"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", help="folder that `faceattr train` wrote")
    parser.add_argument("--data", required=True, help="folder of UTKFace chips")
    parser.add_argument("--calibrate", type=int, default=512, help="images to calibrate with (512)")
    parser.add_argument("--most", type=int, help="held-out images, evenly spread; all by default")
    parser.add_argument("--n-boot", type=int, default=1000)
    parser.add_argument("--page", type=Path, default=Path("docs/results/int8-utkface.md"))
    options = parser.parse_args()
    text = run(options)
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(text, encoding="utf-8")
    print(text)


def run(options: argparse.Namespace) -> str:
    held_out = read_table(Path(options.model) / "predictions.csv")["sample_id"]
    every = Dataset.from_utkface(options.data)
    is_test = every.table["sample_id"].isin(held_out)
    test = _spread(every.select(is_test.to_numpy()), options.most)
    others = _spread(every.select((~is_test).to_numpy()), options.calibrate)
    model = Model.from_pretrained(options.model)
    with tempfile.TemporaryDirectory() as folder:
        plain = model.export(Path(folder) / "float.onnx")
        int8 = model.export(Path(folder) / "int8.onnx", quantize="int8", images=others)
        tables = [Model.from_onnx(report.path).predict(test) for report in (plain, int8)]
    compared = compare(*tables, by=["age"], bins=BINS, n_boot=options.n_boot)
    frame = compared.to_frame()
    shown = frame[frame["metric"].isin(METRICS)][COLUMNS]
    facts = [{"": key, "here": value} for key, value in machine().items()]
    return (
        "\n\n".join(
            [
                "# 8 bits beside float",
                f"```\npython benchmarks/int8_accuracy.py MODEL_FOLDER --data UTKFACE\n```\n\n"
                f"{len(test):,} held-out images; {len(others):,} others, of which every second "
                "one calibrated and the others were compared. a is float "
                f"({plain.size / 1e6:.1f} MB), b has 8 bits ({int8.size / 1e6:.1f} MB, "
                f"{len(int8.float_layers)} layers with weights in float); {options.n_boot:,} "
                "paired resamples.",
                "## Differences of predictions",
                to_markdown(int8.differences, index=False),
                "## Differences of errors",
                to_markdown(shown, index=False),
                "## Machine",
                table_text(facts),
            ]
        )
        + "\n"
    )


def _spread(dataset: Dataset, most: int | None) -> Dataset:
    if most is None or most >= len(dataset):
        return dataset
    rows = [round(k * (len(dataset) - 1) / max(most - 1, 1)) for k in range(most)]
    return dataset.select(dataset.table["sample_id"].iloc[rows].tolist())


if __name__ == "__main__":
    main()
