"""The command ``faceattr``: what is asked for, one call into the library, what came of it.

Tables go to stdout, everything else to stderr. The exit code is 0, 1 for a failure and 2 for wrong
usage. What a command does not need is not imported.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from faceattr import __version__
from faceattr.cli._audit import add_audit
from faceattr.cli._evaluation import add_compare, add_evaluate, add_report
from faceattr.cli._explanation import add_explain
from faceattr.cli._export import add_export
from faceattr.cli._faces import add_faces_option, count_predictions, tell_unpredicted
from faceattr.cli._options import add_model_option
from faceattr.cli._output import (
    add_command,
    counted,
    records,
    show_table,
    tell,
    tell_unread,
    write,
    write_json,
)
from faceattr.cli._quality import add_quality, tell_unscored
from faceattr.exceptions import FaceAttrError, InvalidArgumentError, InvalidTypeError

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.jobs import TrainingResult

__all__ = ["main"]

FAILURE, USAGE, INTERRUPTED = 1, 2, 130
_EXIT_CODES = """\
exit codes: 0 done, 1 failure, 2 wrong usage (of an option, a setting or its value)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the name of the program; those of this process by default.

    Returns
    -------
    int
        The exit code: 0, 1 for a failure (one paragraph on stderr), 2 for wrong usage, 130 when
        interrupted.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong, or has shown the help
        return int(stop.code or 0)
    with _logging_to_stderr(logging.WARNING if arguments.quiet else logging.INFO):
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    try:
        code: int = arguments.run(arguments)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except (InvalidArgumentError, InvalidTypeError) as error:
        return _complain(arguments, error, USAGE)
    except (FaceAttrError, OSError, RuntimeError, MemoryError) as error:
        return _complain(arguments, error, FAILURE)
    except KeyboardInterrupt:
        tell(arguments, "interrupted")
        return INTERRUPTED
    return code


def _demo(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import DEMO, run_training

    job = replace(DEMO, output=arguments.output or DEMO.output)
    if arguments.epochs is not None:
        job = replace(job, train={**job.train, "epochs": arguments.epochs})
    _show_training(arguments, run_training(job, progress=not arguments.quiet))
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import TrainingJob, run_training

    job = TrainingJob.from_toml(arguments.job, overrides=arguments.set)
    job = replace(job, output=arguments.output or job.output)
    result = run_training(job, resume=arguments.resume, progress=not arguments.quiet)
    if result.rank == 0:
        _show_training(arguments, result)
    return 0


def _predict(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_prediction, stream_prediction

    options: dict[str, Any] = {
        "output": arguments.output,
        "batch_size": arguments.batch_size,
        "progress": not arguments.quiet,
        "shard": arguments.shard,
        "faces": arguments.faces,
        "runtime": arguments.runtime,
    }
    if arguments.output is not None and not arguments.json:  # the table stays on disk
        made = stream_prediction(arguments.model, arguments.input, **options)
        none_read = tell_unpredicted(arguments, made.counts)
    else:
        table = run_prediction(arguments.model, arguments.input, **options)
        show_table(arguments, "predictions", table)
        none_read = tell_unpredicted(arguments, count_predictions(table))
    # The part is whole, and what was not read is in it: a scheduler has nothing to repeat.
    return FAILURE if none_read and arguments.shard is None else 0


def _duplicates(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_duplicates

    table = run_duplicates(
        arguments.folder,
        output=arguments.output,
        shard=arguments.shard,
        progress=not arguments.quiet,
    )
    if arguments.shard is None:
        show_table(arguments, "duplicates", table)
        _tell_duplicates(arguments, table)
    else:
        show_table(arguments, "fingerprints", table)
    return 0


def _merge(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_merge

    result = run_merge(arguments.part, output=arguments.output)
    show_table(arguments, result.kind, result.table)
    if result.kind == "duplicates":
        _tell_duplicates(arguments, result.table)
    elif result.kind == "predictions":
        return FAILURE if tell_unread(arguments, result.table, result.table["error"]) else 0
    elif result.kind == "quality":
        return FAILURE if tell_unscored(arguments, result.table) else 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="faceattr",
        description="Train one network that estimates attributes of face images, and learn how good"
        " it is for which faces.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"faceattr {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_train(commands)
    _add_predict(commands)
    add_export(commands)
    add_explain(commands)
    add_evaluate(commands)
    add_compare(commands)
    add_report(commands)
    add_quality(commands)
    add_audit(commands)
    _add_duplicates(commands)
    _add_merge(commands)
    return parser


def _add_demo(commands: Any) -> None:
    command = add_command(
        commands, "demo", _demo, "train and evaluate on drawings, without any data"
    )
    command.add_argument("--output", metavar="DIR", help="folder of the results (faceattr-demo)")
    command.add_argument("--epochs", type=int, metavar="N", help="passes over the drawings")


def _add_train(commands: Any) -> None:
    command = add_command(commands, "train", _train, "run the training that a TOML file describes")
    command.add_argument("job", metavar="JOB.toml", help="the job file")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="replace a setting of the file, such as train.epochs=3; may be repeated",
    )
    command.add_argument("--output", metavar="DIR", help="folder of the results")
    command.add_argument(
        "--resume", action="store_true", help="go on where an earlier run with this output stopped"
    )


def _add_predict(commands: Any) -> None:
    command = add_command(commands, "predict", _predict, "predict images with a trained model")
    command.add_argument("input", nargs="+", metavar="INPUT", help="image files, folders of them")
    add_model_option(command)
    command.add_argument("--output", metavar="TABLE", help="write the table: .csv or .parquet")
    command.add_argument("--batch-size", type=int, default=64, metavar="N", help="(64)")
    command.add_argument(
        "--shard", metavar="I/N", help="only part I of N, into --output; `merge` puts them together"
    )
    add_faces_option(command)
    command.add_argument(
        "--runtime",
        choices=["auto", "torch", "onnx"],
        default="auto",
        help="what computes; auto: ONNX Runtime where `export` wrote the model's file (auto)",
    )


def _add_duplicates(commands: Any) -> None:
    text = "find images of a folder that show the same photograph"
    command = add_command(commands, "duplicates", _duplicates, text)
    command.add_argument("folder", metavar="FOLDER", help="searched with all its sub-folders")
    command.add_argument("--output", metavar="TABLE", help="write the table: .csv or .parquet")
    command.add_argument(
        "--shard",
        metavar="I/N",
        help="only the fingerprints of part I of N, into --output; `merge` searches them",
    )


def _add_merge(commands: Any) -> None:
    text = "put the parts that --shard made together, after checking that they are all there"
    command = add_command(commands, "merge", _merge, text)
    command.add_argument("part", nargs="+", metavar="PART", help="the tables of all parts")
    command.add_argument("--output", metavar="TABLE", help="write the whole: .csv or .parquet")


def _show_training(arguments: argparse.Namespace, result: TrainingResult) -> None:
    if arguments.json:
        tables = {"metrics": result.evaluation.to_frame(), "history": result.history}
        shown: dict[str, Any] = {name: records(table) for name, table in tables.items()}
        write_json({"folder": str(result.folder), **shown})
    else:
        write(result.evaluation.summary())
    tell(arguments, f"model, tables and figures lie in {result.folder}")


def _tell_duplicates(arguments: argparse.Namespace, table: pd.DataFrame) -> None:
    groups = table["group"].nunique()
    tell(arguments, f"{len(table):,} images have a duplicate, in {counted(groups, 'group')}")


def _complain(arguments: argparse.Namespace, error: BaseException, code: int) -> int:
    if arguments.debug:
        traceback.print_exception(error)
    text = re.sub(r"\s*\n\s*", " ", str(error).strip()) or type(error).__name__
    tell(arguments, f"error: {text}")
    return code


@contextmanager
def _logging_to_stderr(level: int) -> Iterator[None]:
    logger = logging.getLogger("faceattr")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("faceattr: %(message)s"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
