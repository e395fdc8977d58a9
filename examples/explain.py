"""Explain a small network on drawings: pictures, tables, and how far they can be trusted.

    python examples/explain.py

It trains for a minute or two on two cores and writes into explain-output/.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from faceattr import Dataset, Explainer, Model, TrainConfig, Trainer
from faceattr.explain import face_segments

OUT = Path("explain-output")
# Where drawings have eyes, nose and corners of the mouth on average; aligned chips need no points.
POINTS = [(0.40, 0.46), (0.61, 0.46), (0.51, 0.62), (0.42, 0.69), (0.60, 0.69)]


def main(images: int = 1500, epochs: int = 8, explained: int = 12) -> None:
    OUT.mkdir(exist_ok=True)
    drawings = Dataset.synthetic(images, seed=0, size=64)
    train, _, test = drawings.split(train=0.7, valid=0.1, test=0.2, seed=0)
    model = Model(tasks=drawings.tasks, weights=None, image_size=64)
    Trainer(TrainConfig(epochs=epochs, batch_size=32)).fit(model, train)
    faces = test.select(test.table["sample_id"][:explained])
    regions = partial(face_segments, points=POINTS)
    explanations = Explainer(model, segments=regions).explain(faces, progress=True)
    for task in model.tasks:
        explanations.plot(task).savefig(OUT / f"{task}.png", dpi=110)
        print(f"\n{task}: mean effect of each region over {len(explanations)} drawings")
        found = explanations.mean_weights(task).sort_values("mean_absolute", ascending=False)
        print(found.head(5).round(3).to_string())
    explanations.to_frame().to_csv(OUT / "weights.csv", index=False)
    grades = explanations.grades()
    grades.to_csv(OUT / "grades.csv", index=False)
    print(f"\n{int(grades['trusted'].sum())} of {len(grades)} explanations are to be trusted")


if __name__ == "__main__":
    main()
