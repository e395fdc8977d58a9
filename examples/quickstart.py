"""Train a small network on drawn faces, learn how good it is, and look at it.

Two minutes, no network: the faces are drawings, so that nothing has to be downloaded and nobody's
picture is needed. With a folder of your own, ``Dataset.from_folder`` or ``Dataset.from_csv`` takes
their place.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from faceattr import BinnedEvaluator, Dataset, Model, TrainConfig, Trainer
from faceattr.report.figures import gallery, plot_history
from faceattr.tables import write_table

OUTPUT = Path("quickstart-output")


def main(images: int = 2500, epochs: int = 12) -> None:
    OUTPUT.mkdir(exist_ok=True)
    torch.set_num_threads(1)  # several only wait for each other on so small a network
    os.environ.setdefault("FACEATTR_CACHE", str(OUTPUT / "cache"))

    faces = Dataset.synthetic(images, seed=0, size=64)
    train, valid, test = faces.split(train=0.7, valid=0.1, test=0.2, seed=0)
    print(f"{len(train)} drawings to train on, {len(valid)} to watch, {len(test)} kept aside")

    model = Model(tasks=faces.tasks, weights=None, image_size=64, seed=0)
    trainer = Trainer(TrainConfig(epochs=epochs, batch_size=32, lr=0.004, augment="light"))
    trainer.fit(model, train, valid)

    predictions = model.predict(test)
    evaluation = BinnedEvaluator(by="age", tasks=faces.tasks).evaluate(predictions)
    print(evaluation.summary())
    guess = (test.table["age"] - train.table["age"].median()).abs().mean()
    print(f"always guessing the median age would be {guess:.1f} years off")

    model.save_pretrained(OUTPUT / "model")
    write_table(predictions, OUTPUT / "predictions.csv")
    write_table(evaluation.to_frame(), OUTPUT / "metrics.csv")
    evaluation.plot().savefig(OUTPUT / "evaluation.png", dpi=110)
    plot_history(trainer.history_).savefig(OUTPUT / "history.png", dpi=110)
    shown = predictions.head(24)
    captions = [
        f"drawn as {row.age:.0f}, {row.gender}\npredicted {row.age_pred:.0f}, {row.gender_pred}"
        for row in shown.itertuples()
    ]
    pictures = [test.read(position) for position in range(len(shown))]
    gallery(pictures, captions, title="Drawings that training never saw").savefig(
        OUTPUT / "gallery.png", dpi=110
    )
    print(f"tables, pictures and the model lie in {OUTPUT}/")


if __name__ == "__main__":
    main()
