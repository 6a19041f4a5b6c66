"""Trains a network on photos of your own from Python, without the command line.

    python train_in_python.py /data/mine ibug68      # a folder with photos and landmarks.csv

``ll.train(config)`` does what landmark-train does: a run's folder with checkpoints and test
figures. Below it the same training by hand, with a Trainer of your own: on a CPU it ends in the
same weights to the last bit.
"""

import sys
from pathlib import Path

import pytorch_lightning as pl

import landmark_lightning as ll


def main(root: str, scheme: str, *settings: str) -> None:
    """Prepares the photos, trains twice and predicts the test faces."""
    path = Path("data/mine.h5")
    if not path.is_file():
        faces = ll.read_own(Path(root), ll.scheme_from(scheme))
        ll.prepare(
            faces, path, name="mine", root=Path(root), scheme=ll.scheme_from(scheme),
            normalizer=None, crop=ll.CropRule(),
        )  # fmt: skip
    config = ll.compose("dataset=custom", "dataset.name=mine", "model=bb", "seed=0", *settings)
    run = ll.train(config)
    print(f"{run.path}: NME {run.figure('subsets', 'full', 'nme'):.2f}")

    ll.seed_everything(config)
    data = ll.FaceDataModule.from_config(ll.FaceFile.open(path), config)
    task = ll.LandmarkTask.for_data(data, config)
    trainer = pl.Trainer(
        max_epochs=task.schedule.epochs, callbacks=[ll.Rescoring(every=0.1)], logger=False
    )
    trainer.fit(task, datamodule=data)
    trainer.test(task, datamodule=data)
    points = trainer.predict(task, datamodule=data)
    print(f"{sum(map(len, points or []))} test faces: x, y and expected error of each landmark")


if __name__ == "__main__":
    main(*sys.argv[1:])
