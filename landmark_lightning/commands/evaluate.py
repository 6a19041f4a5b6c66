"""landmark-evaluate: tests a trained run, on its own dataset or on another of the same scheme."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray
from torch import Tensor

from landmark_lightning.commands.checks import checkpoint_of, run_of
from landmark_lightning.commands.composing import as_prepared, facefile_path
from landmark_lightning.commands.origins import changed_origin
from landmark_lightning.commands.prepare import open_prepared
from landmark_lightning.data.datamodule import FaceDataModule
from landmark_lightning.data.facefile import FaceFile
from landmark_lightning.data.faces import faces_from
from landmark_lightning.evaluation.drawing import nme_caption, predicted_faces
from landmark_lightning.evaluation.errors import landmark_error, normalized_mean_error
from landmark_lightning.evaluation.records import Records, write_records
from landmark_lightning.evaluation.signal_quality import surprise
from landmark_lightning.evaluation.summary import summarize
from landmark_lightning.files import replacing, write_json
from landmark_lightning.learning.inference import (
    frames_per_second,
    input_images,
    predict_test,
    static_prior,
)
from landmark_lightning.learning.task import LandmarkTask
from landmark_lightning.learning.trained import load_task
from landmark_lightning.run_folder import RunFolder
from landmark_lightning.settings import check_path
from landmark_lightning.terminal import shown

OF_TRAINING = (
    "epochs", "epochs_trained", "steps", "planned_steps", "phases_reached", "train_seconds",
    "rescore_seconds", "validation_nme",
)  # fmt: skip
"""What metrics.json says of the training; null where a run is tested again."""
DRAWN_FACES, SURPRISING_FACES = 20, 8


def run(config: Mapping[str, Any]) -> None:
    """Evaluates ``run`` and writes metrics.json and predictions.h5 to ``output``."""
    checkpoint = checkpoint_of(config["run"])
    task = load_task(checkpoint, tuple(config["allow_targets"]))
    if not task.run:
        raise ValueError(
            f"run={config['run']} does not say what made it, as landmark-train's checkpoints do"
        )
    data_dir = check_path(config["data_dir"] or task.run["data_dir"], "data_dir")
    dataset = task.run["dataset"]
    if config["dataset"] is not None:
        dataset = as_prepared(config["dataset"], data_dir, HydraConfig.get().overrides.task)
    faces = open_prepared(dataset, data_dir)
    if not faces.faces["test"]:
        raise ValueError(
            f"{faces.path} has no faces in split 'test', so there is nothing to test on; name a "
            "dataset that has"
        )
    print(f"Evaluating {checkpoint} on {faces.path} ({faces.faces['test']} faces)")
    _warn_of_others(faces, config["dataset"], task, config["allow_targets"])
    if bool(task.static_prior.isnan().any()):  # of a run that was cut: only best.ckpt keeps it
        own = open_prepared(task.run["dataset"], _own_folder(task.run, data_dir))
        if own.path != faces.path:
            _warn_of_others(own, None, task, config["allow_targets"])
        trained = FaceDataModule(own, **task.run["data"])
        task.static_prior = static_prior(task, trained.train_faces, trained.eval_batch_size)
    beside = run_of(config["run"]).evaluations / str(dataset["name"])
    output = check_path(config["output"] or beside, "output")
    content = write_results(
        task, faces, output, str(dataset["name"]), task.run["model"], task.run["seed"]
    )
    print(figures_line(content))
    print(f"Wrote {output}: {', '.join(written(RunFolder(output)))}")


def _warn_of_others(
    faces: FaceFile,
    asked: Mapping[str, Any] | None,
    task: LandmarkTask,
    allow_targets: Iterable[str],
) -> None:
    """Warns where a FaceFile is not of today's files, or the run's own not as it was trained on.

    Args:
        faces: The FaceFile.
        asked: The ``dataset`` group that was asked for; None: the run's own.
        task: The trained task.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.
    """
    if changed := changed_origin(faces, asked or {"root": None}, allow_targets):
        print(f"  Warning: {changed}")
    own, trained = task.run["dataset"]["name"], task.run["dataset"].get("content")
    if (asked or {"name": own})["name"] == own and trained not in (None, faces.content):
        print(
            f"  Warning: {faces.path} holds other faces (content {faces.content:.6}) than those "
            f"that the run was trained on ({trained:.6})"
        )


def _own_folder(run: Mapping[str, Any], data_dir: Path) -> Path:
    """Where the FaceFile that a run was trained on lies: in ``data_dir``, or where it was."""
    return data_dir if facefile_path(run["dataset"], data_dir).is_file() else Path(run["data_dir"])


def write_results(
    task: LandmarkTask,
    faces: FaceFile,
    output: Path,
    dataset: str,
    model: str,
    seed: int,
    training: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Tests a task on a FaceFile and writes its figures, predictions and drawn faces.

    metrics.json is written last: a folder that has it has all.

    Args:
        task: The trained task.
        faces: The FaceFile; without test faces every test figure is null.
        output: Folder to write to.
        dataset: Name of the dataset.
        model: Name of the model.
        seed: Seed of the run.
        training: The figures of ``OF_TRAINING``; None: unknown here.

    Returns:
        The content of metrics.json.
    """
    folder = RunFolder(output)
    batch_size = task.run["data"]["eval_batch_size"]
    records = predict_test(
        task, faces, dataset=dataset, model=model, seed=seed, batch_size=batch_size
    )
    write_records(folder.predictions, records)
    tested = len(records.photo)  # none where the dataset has no test split
    if tested:
        spread = np.linspace(0, tested - 1, min(DRAWN_FACES, tested))
        _draw(task, faces, records, spread.round().astype(np.int64), folder.faces)
    if tested and records.signal is not None:
        _draw(task, faces, records, _surprising(records, records.signal), folder.surprises)
    content = {
        "dataset": dataset,
        "model": model,
        "seed": seed,
        "scheme": faces.scheme.name,
        "normalizer": faces.normalizers[0],
        "data": faces.content,
        **{name: (training or {}).get(name) for name in OF_TRAINING},
        "fps": frames_per_second(task),
        "torch": torch.__version__,
        "subsets": summarize(records),
    }
    write_json(folder.metrics, content)
    return content


def _surprising(records: Records, signal: Tensor) -> NDArray[np.int64]:
    """The test faces whose distance lies furthest above their signal, the worst first."""
    points = (records.prediction, records.target, signal)
    above = surprise(*points, records.normalizer[:, 0], records.info.distance)
    return above.argsort(descending=True, stable=True)[:SURPRISING_FACES].numpy()


def _draw(
    task: LandmarkTask,
    faces: FaceFile,
    records: Records,
    rows: NDArray[np.int64],
    path: Path,
) -> None:
    """Draws test faces with their predictions in the colour of the signal."""
    sheet = predicted_faces(
        input_images(task, faces_from(faces, "test", rows)),
        records.target[rows],
        records.prediction[rows],
        None if records.signal is None else records.signal[rows],
        _captions(records, rows),
    )
    with replacing(path) as temporary:
        sheet.save(temporary, format="png")


def _captions(records: Records, rows: NDArray[np.int64]) -> list[str]:
    """Photo and NME of test faces, and by its name the landmark that is furthest off."""
    primary, names = records.normalizer[:, 0], records.info.names
    nme = normalized_mean_error(records.prediction, records.target, primary)
    worst = landmark_error(records.prediction, records.target).nan_to_num(nan=-1).argmax(dim=1)
    return [
        f"{shown(Path(records.photo[i]).name)}  {nme_caption(float(nme[i]))}"
        + (f", worst {names[worst[i]]}" if names else "")
        for i in rows
    ]


def written(folder: RunFolder) -> list[str]:
    """Names of the files that ``write_results`` left in a folder."""
    paths = (folder.metrics, folder.predictions, folder.faces, folder.surprises)
    return [path.name for path in paths if path.is_file()]


def figures_line(content: Mapping[str, Any]) -> str:
    """The main test figures as one line."""
    full = content["subsets"]["full"]
    name = f"{content['dataset']} {content['model']} seed {content['seed']}"
    if not full["faces"]:
        nme = f"{content['validation_nme']:.2f} ({content['normalizer']})"
        return f"{name}: no test faces; NME of the validation faces {nme}"
    counted, faces = full["faces_by"][content["normalizer"]], full["faces"]
    of = "" if counted == faces else f" of {faces}"
    line = f"{name}: test NME ({content['normalizer']}) {full['nme']:.2f} on {counted}{of} faces"
    chosen_by = "by signal" if full["spearman"] is not None else "at random"
    keys = {chosen_by: "discard", "by prior": "discard_prior", "oracle": "discard_oracle"}
    shown = [f"{word} {full[key]['30']:.2f}" for word, key in keys.items()]
    line += f"; 30% discarded {', '.join(shown)}"
    return line + ("" if full["spearman"] is None else f"; Spearman {full['spearman']:.2f}")
