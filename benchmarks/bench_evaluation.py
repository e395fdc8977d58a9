"""How long bootstrap intervals take, against fairlearn's MetricFrame, and how much memory.

    python benchmarks/bench_evaluation.py [--quick]

The same six metrics of gender and three of age over ten age groups, of 4,740 rows drawn by chance,
with 1,000 resamples. Of MetricFrame 20 resamples are timed, and it is scaled.
"""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame
from sklearn import metrics as sk

from _children import Watched, watch_child
from _common import Ratio, Result, compare, options_parser, table_text, write_page
from faceattr import BinnedEvaluator
from faceattr.binning import AGE_BINS, Bins

ROWS = 4_740
N_BOOT = 1_000
TIMED = 20
SIZES = (10_000, 100_000, 1_000_000)

CHOSEN = {
    "age": ["mae", "rmse", "r2"],
    "gender": ["accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"],
}
NUMBERS = {
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
}
CLASSES = {
    "accuracy": lambda t, p: sk.accuracy_score(t, p > 0.5),
    "precision": lambda t, p: sk.precision_score(t, p > 0.5, average="macro", zero_division=0),
    "recall": lambda t, p: sk.recall_score(t, p > 0.5, average="macro", zero_division=0),
    "f1": lambda t, p: sk.f1_score(t, p > 0.5, average="macro", zero_division=0),
    "roc_auc": sk.roc_auc_score,
    "log_loss": lambda t, p: sk.log_loss(t, p, labels=[0, 1]),
}

RUN = """
import gc
sys.path.insert(0, sys.argv[2])
from bench_evaluation import draw
from faceattr import BinnedEvaluator
evaluator = BinnedEvaluator(n_boot=20)
evaluator.evaluate(draw(1000))
table = draw(int(sys.argv[1]))
gc.collect()
say(before=memory("RssAnon"))
mark("start")
started = time.perf_counter()
done = evaluator.evaluate(table)
say(seconds=time.perf_counter() - started)
time.sleep(0.05)  # so that short works are seen too
mark("stop")
"""


def main() -> None:
    options = options_parser(__doc__).parse_args()
    table = draw(500 if options.quick else ROWS)
    n_boot, timed, turns = (20, 2, 1) if options.quick else (N_BOOT, TIMED, 5)
    ours = partial(evaluate, table, n_boot)
    theirs = partial(frames, table, timed)
    found = compare(ours, theirs, turns=turns, warm_up=0 if options.quick else 1)
    scaled = Ratio(found.measured, tuple(s * n_boot / timed for s in found.reference))
    sizes = (500, 2_000) if options.quick else SIZES
    seen = {n: watch_child(RUN, n, Path(__file__).parent) for n in sizes}
    few, many = sizes[0], sizes[-1]
    results = [
        Result(
            f"{n_boot:,} resamples: times faster than MetricFrame",
            scaled.shares,
            150.0,
            at_least=True,
            n=f"{len(table):,} rows",
        ),
        Result(
            "memory for each further row",
            [(extra(seen[many]) - extra(seen[few])) / (many - few)],
            1_000.0,
            unit="bytes",
            n=f"{few:,} to {many:,} rows",
        ),
    ]
    seconds = [
        {"what": "BinnedEvaluator", "seconds": f"{np.median(found.measured):.2f}"},
        {
            "what": f"MetricFrame, {timed} resamples scaled to {n_boot:,}",
            "seconds": f"{np.median(scaled.reference):.0f}",
        },
    ]
    sections = {
        "": "Six metrics of gender (accuracy, macro precision, recall and F1, ROC AUC, log loss) "
        "and three of age (MAE, RMSE, R2), over all rows and over ten age groups, with intervals. "
        "MetricFrame calls scikit-learn's functions for each group of each resample, and gives "
        "intervals of the figures, differences and ratios, as BinnedEvaluator does; this one adds "
        "figures of each class, mean, worst and best group.",
        "Seconds": table_text(seconds),
        "Memory": "Anonymous memory (RssAnon) of a fresh process that evaluates all metrics by age "
        "with 20 resamples, beyond what the predictions hold. The resampled counts are made in "
        "pieces of 8 MB, so that the number of resamples changes nothing.\n\n"
        + table_text([line(n, watched) for n, watched in seen.items()]),
    }
    write_page(options, "evaluation", "Speed of evaluation", results, sections)


def draw(n: int) -> pd.DataFrame:
    """Draw predictions about as good as those of a trained network."""
    rng = np.random.default_rng(0)
    age = np.minimum(rng.gamma(2.0, 16.0, n).round(), 116)
    female = rng.integers(0, 2, n)
    score = 1.0 / (1.0 + np.exp(-(rng.normal(0, 1.6, n) + 3.0 * (2 * female - 1))))
    return pd.DataFrame(
        {
            "sample_id": [f"{number:07}.jpg" for number in range(n)],
            "age": age,
            "age_pred": age + rng.normal(0, 3 + age / 16),
            "gender": np.where(female == 1, "female", "male"),
            "gender_pred": np.where(score > 0.5, "female", "male"),
            "gender_prob_male": 1 - score,
            "gender_prob_female": score,
        }
    )


def evaluate(table: pd.DataFrame, n_boot: int) -> pd.DataFrame:
    return BinnedEvaluator("age", n_boot=n_boot, metrics=CHOSEN).evaluate(table).to_frame()


def frames(table: pd.DataFrame, n_boot: int) -> None:
    groups = Bins(AGE_BINS).assign(table["age"])
    female = (table["gender"] == "female").astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of resamples of a group that hold one class alone
        for metrics, truth, prediction in (
            (NUMBERS, table["age"], table["age_pred"]),
            (CLASSES, female, table["gender_prob_female"]),
        ):
            frame = MetricFrame(
                metrics=metrics,
                y_true=truth,
                y_pred=prediction,
                sensitive_features=np.asarray(groups),
                n_boot=n_boot,
                ci_quantiles=[0.025, 0.975],
                random_state=0,
            )
            frame.by_group_ci, frame.difference_ci(), frame.ratio_ci()


def extra(watched: Watched) -> int:
    return watched.peak("start", "stop") - int(watched.said["before"])


def line(n: int, watched: Watched) -> dict[str, str]:
    return {
        "rows": f"{n:,}",
        "seconds": f"{watched.said['seconds']:.1f}",
        "beyond the predictions, MiB": f"{extra(watched) / 2**20:.0f}",
    }


if __name__ == "__main__":
    main()
