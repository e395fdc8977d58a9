"""What a model costs by torch, by ONNX Runtime, and in 8 bits.

    python benchmarks/bench_export.py [--data UTKFACE] [--model FOLDER] [--images 1024] [--quick]

The same MobileNetV3-Small in three forms, with one thread and with two: the network alone on one
image, `predict` of one image, and of many JPEG files; all in turns within one run. Memory is that
of fresh processes that load the form, predict 256 files and do nothing else (Linux). Weights are
random without --model, a folder of `Model.save_pretrained`.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from _children import watch_child
from _common import CHIP_SIDE, Result, compare, open_images, options_parser, table_text, write_page
from faceattr import Dataset, Model
from faceattr.images import UInt8Image, resize_image
from faceattr.models import OnnxModel
from faceattr.models.export.onnx_model import OnnxRuntime
from faceattr.models.runtimes import Runtime
from faceattr.models.torch_runtime import TorchRuntime

IMAGES = 1024
SIDE = 128
REPEATS = 50
THREADS = (1, 2)
IN_MEMORY = 256

CHILD = """
paths = json.load(open(sys.argv[2]))
mark("start")
if sys.argv[1].endswith(".onnx"):
    from faceattr.models import OnnxModel
    model = OnnxModel.from_file(sys.argv[1])
else:
    from faceattr import Model
    model = Model.from_pretrained(sys.argv[1])
mark("loaded")
model.predict(paths)
mark("end")
"""


@dataclass(frozen=True)
class Form:
    """One way to predict.

    Attributes
    ----------
    path : Path
        What a fresh process loads.
    model : Model or OnnxModel
    runtime : Runtime
        Its network alone.
    """

    path: Path
    model: Model | OnnxModel
    runtime: Runtime


def main() -> None:
    parser = options_parser(__doc__, data=True)
    parser.add_argument("--model", help="folder of a trained model; random weights by default")
    parser.add_argument("--images", type=int, default=IMAGES)
    options = parser.parse_args()
    turns = 1 if options.quick else 9
    with tempfile.TemporaryDirectory() as folder:
        chips = open_images(options.data, Path(folder), 32 if options.quick else options.images)
        saved = save_forms(chips, options.model, Path(folder))
        results: list[Result] = []
        seconds: list[dict[str, str]] = []
        for threads in THREADS[:1] if options.quick else THREADS:
            torch.set_num_threads(threads)
            forms = open_forms(saved, threads)
            found = measure(forms, chips, threads, turns, repeats=2 if options.quick else REPEATS)
            results += found[0]
            seconds += found[1]
        memory = memory_rows(saved, chips, Path(folder))
    sections = {
        "": f"MobileNetV3-Small at {SIDE} px, {'trained' if options.model else 'random'} weights; "
        f"{'UTKFace chips' if options.data else 'drawings'} as JPEG files of {CHIP_SIDE} px, in "
        "the system's cache; batches of 64 images.",
        "Each form": table_text(seconds),
        "Memory": "A fresh process that loads the model and predicts "
        f"{min(IN_MEMORY, len(chips))} files.\n\n" + table_text(memory),
    }
    write_page(options, "export", "Speed of exported models", results, sections)


def save_forms(chips: Dataset, folder: str | None, out: Path) -> dict[str, Path]:
    """Write the model in its three forms."""
    model = (
        Model(tasks=chips.tasks, weights=None, image_size=SIDE)
        if folder is None
        else Model.from_pretrained(folder)
    )
    saved = {
        "torch": model.save_pretrained(out / "saved"),
        "onnx": model.export(out / "model.onnx").path,
    }
    # Random weights are no reason to keep layers in float.
    tolerance = 1e9 if folder is None else None
    int8 = model.export(out / "int8.onnx", quantize="int8", images=chips, tolerance=tolerance)
    return {**saved, "int8": int8.path}


def open_forms(saved: Mapping[str, Path], threads: int) -> dict[str, Form]:
    model = Model.from_pretrained(saved["torch"])
    forms = {"torch": Form(saved["torch"], model, TorchRuntime(model))}
    for name in ("onnx", "int8"):
        opened = OnnxModel.from_file(saved[name], threads=threads)
        runtime: OnnxRuntime = opened._runtime
        forms[name] = Form(saved[name], opened, runtime)
    return forms


def measure(
    forms: Mapping[str, Form], chips: Dataset, threads: int, turns: int, repeats: int
) -> tuple[list[Result], list[dict[str, str]]]:
    """Time ONNX and int8 against torch; return how many times as fast they are, and seconds."""
    image = chips.read(0)
    single = resize_image(image, SIDE)[None]
    paths = chips.table["path"].tolist()
    works: dict[str, tuple[Callable[[Form], object], int, int]] = {
        "network, one image": (partial(_network, images=single, repeats=repeats), repeats, 1),
        "predict, one image": (partial(_predict, images=image, repeats=repeats), repeats, 1),
        "predict, JPEG files": (partial(_predict, images=paths, repeats=1), 1, len(paths)),
    }
    results: list[Result] = []
    rows: list[dict[str, str]] = []
    n = f"{threads} thread{'s' if threads > 1 else ''}"
    for what, (work, calls, images) in works.items():
        ratios = {
            name: compare(partial(work, forms[name]), partial(work, forms["torch"]), turns=turns)
            for name in ("onnx", "int8")
        }
        for name, ratio in ratios.items():
            faster = [1 / times for times in ratio.times]
            what_for = f"{what}: times as fast, {name}"
            results.append(Result(what_for, faster, 1.0, at_least=True, n=n))
        alone = {name: [s / calls for s in ratio.measured] for name, ratio in ratios.items()}
        alone["torch"] = [s / calls for s in ratios["onnx"].reference]
        if what.startswith("network"):
            shown = [1000 * second for second in alone["onnx"]]
            results.append(Result(f"{what}, onnx", shown, 1.0, unit="ms", n=n))
        rows += [_row(what, name, n, seconds, images) for name, seconds in alone.items()]
    return results, rows


def _row(what: str, name: str, n: str, seconds: list[float], images: int) -> dict[str, str]:
    middle = statistics.median(seconds)
    return {
        "what": what,
        "form": name,
        "": n,
        "ms a call": f"{1000 * middle:.3g}",
        "images/s": f"{images / middle:,.0f}",
    }


def _network(form: Form, images: UInt8Image, repeats: int) -> None:
    with form.runtime.working():
        for _ in range(repeats):
            form.runtime.run(images)


def _predict(form: Form, images: UInt8Image | list[str], repeats: int) -> None:
    for _ in range(repeats):
        form.model.predict(images)


def memory_rows(saved: Mapping[str, Path], chips: Dataset, folder: Path) -> list[dict[str, str]]:
    """Return start time and memory of fresh processes."""
    names = folder / "paths.json"
    names.write_text(json.dumps(chips.table["path"].tolist()[:IN_MEMORY]), encoding="utf-8")
    rows = []
    for name, path in saved.items():
        seen = watch_child(CHILD, path, names)
        marks = dict(seen.said["marks"])
        rows.append(
            {
                "form": name,
                "file, MB": f"{_size(path) / 1e6:.1f}",
                "seconds to import and load": f"{marks['loaded'] - marks['start']:.2f}",
                "MB loaded": f"{seen.peak('start', 'loaded') / 1e6:.0f}",
                "MB at most": f"{seen.peak('start', 'end') / 1e6:.0f}",
            }
        )
    return rows


def _size(path: Path) -> int:
    return (path / "model.safetensors" if path.is_dir() else path).stat().st_size


if __name__ == "__main__":
    main()
