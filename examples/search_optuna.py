"""Search the reference study's settings with Optuna: resumable, with bad trials cut short.

    python -m pip install "faceattr[search]"
    python examples/search_optuna.py --data UTKFace/ --trials 150

Everything lies in one SQLite file, so that the same command goes on where it was stopped or killed,
and several processes may search together. The first trial is the study's own choice. Trials are
compared on the validation part; the test part is not opened here. Without ``--data`` it searches on
drawings.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import optuna
import pandas as pd
from optuna.trial import TrialState

from faceattr import Dataset, Model, TrainConfig, Trainer

STUDY = TrainConfig.study()
FIRST_TRIAL = {
    "lr": STUDY.lr,
    "div_factor": STUDY.div_factor,
    "final_div_factor": STUDY.final_div_factor,
    "pct_start": STUDY.pct_start,
    "weight_decay": STUDY.weight_decay,
    "l1": STUDY.l1,
    "batch_size": STUDY.batch_size,
    "freeze_epochs": 0,
    "gender_weight": STUDY.loss_weights["gender"],
    "dropout": 0.1,
    "augment": STUDY.augment,
}


def main() -> None:
    options = parse_options()
    options.out.mkdir(parents=True, exist_ok=True)
    train, valid = open_parts(options)
    study = open_study(options)
    done = len(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))
    print(f"{done} of {options.trials} trials are done")
    study.optimize(
        lambda trial: objective(trial, train, valid, options),
        n_trials=max(options.trials - done, 0),
        callbacks=[lambda study, _: save_table(study, options.out)],
    )
    save_table(study, options.out)
    print(f"best: trial {study.best_trial.number}, {study.best_value:.4f}")
    for name, value in study.best_params.items():
        print(f"  {name} = {value}")


def open_parts(options: argparse.Namespace) -> tuple[Dataset, Dataset]:
    if options.data:
        faces = Dataset.from_utkface(options.data)
    else:
        faces = Dataset.synthetic(options.drawings, seed=0, size=options.size)
    train, valid, _ = faces.split(train=0.7, valid=0.1, test=0.2, seed=0)
    return train, valid


def open_study(options: argparse.Namespace) -> optuna.Study:
    study = optuna.create_study(
        study_name="faceattr",
        storage=f"sqlite:///{options.out / 'search.db'}",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=8, n_warmup_steps=2),
    )
    # A killed process leaves its trial behind as if it still ran; none runs when this one starts.
    for trial in study.get_trials(states=(TrialState.RUNNING,)) if options.alone else []:
        study.tell(trial.number, state=TrialState.FAIL)
    # What was drawn before is not drawn again after a stop.
    study.sampler = optuna.samplers.TPESampler(seed=options.seed + len(study.trials))
    if not study.trials:
        study.enqueue_trial(FIRST_TRIAL)
    return study


def objective(
    trial: optuna.Trial, train: Dataset, valid: Dataset, options: argparse.Namespace
) -> float:
    """Train once; return what is to be made small: see `score`."""
    model = Model(
        tasks=train.tasks,
        weights=None if options.weights == "none" else options.weights,
        heads={"age": "linear", "gender": "logit"},
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        image_size=options.size,
    )
    spread = (train.table["age"] - train.table["age"].median()).abs().mean()
    scores: list[float] = []

    def on_epoch(row: Mapping[str, float]) -> None:
        scores.append(score(row, spread))
        trial.report(scores[-1], int(row["epoch"]))
        if trial.should_prune():
            raise optuna.TrialPruned

    trainer = Trainer(suggest_config(trial, options), progress=options.progress)
    trainer.fit(model, train, valid, on_epoch=on_epoch)
    last = trainer.history_.iloc[-1]
    trial.set_user_attr("age_mae", float(last["valid_age_mae"]))
    trial.set_user_attr("gender_accuracy", float(last["valid_gender_accuracy"]))
    if trainer.stopped_ == "interrupt":
        raise KeyboardInterrupt  # half a training tells nothing: Optuna marks the trial as failed
    return scores[-1]


def score(row: Mapping[str, float], spread: float) -> float:
    """Add up both tasks, each in units of what guessing without a look at the image costs."""
    return row["valid_age_mae"] / spread + row["valid_gender_log_loss"] / 0.6931


def suggest_config(trial: optuna.Trial, options: argparse.Namespace) -> TrainConfig:
    return TrainConfig.study(
        epochs=options.epochs,
        lr=trial.suggest_float("lr", 5e-4, 5e-2, log=True),
        div_factor=trial.suggest_float("div_factor", 1.5, 100, log=True),
        final_div_factor=trial.suggest_float("final_div_factor", 10, 1e4, log=True),
        pct_start=trial.suggest_float("pct_start", 0.1, 0.6),
        weight_decay=trial.suggest_float("weight_decay", 1e-5, 1e-1, log=True),
        l1=trial.suggest_float("l1", 1e-7, 1e-3, log=True),
        batch_size=trial.suggest_categorical("batch_size", [32, 64, 128, 256]),
        freeze_epochs=trial.suggest_int("freeze_epochs", 0, 2),
        loss_weights={"gender": trial.suggest_float("gender_weight", 0.2, 3.0, log=True)},
        augment=trial.suggest_categorical("augment", ["none", "study", "light", "strong"]),
        seed=options.seed,
    )


def save_table(study: optuna.Study, folder: Path) -> None:
    """Write a row a trial: state, score, both figures, seconds and settings."""
    table: pd.DataFrame = study.trials_dataframe(
        attrs=("number", "state", "value", "duration", "user_attrs", "params")
    )
    if "duration" in table:
        table["duration"] = table["duration"].dt.total_seconds().round(1)
    table.to_csv(folder / "trials.csv", index=False)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Search the study's settings with Optuna.")
    parser.add_argument("--data", type=Path, help="folder of UTKFace chips; drawings without it")
    parser.add_argument("--weights", default="none", help="'none', 'imagenet' or a file")
    parser.add_argument("--trials", type=int, default=150, help="in all, with those done before")
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--size", type=int, default=128, help="side length in pixels")
    parser.add_argument("--drawings", type=int, default=2000, help="how many, without --data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("search-output"))
    parser.add_argument("--progress", action="store_true", help="show each training")
    parser.add_argument(
        "--together",
        dest="alone",
        action="store_false",
        help="other processes search in the same file: leave their trials alone",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
