"""Testing a trained task: its figures, predictions and pictures of test faces."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.files import replacing, replacing_set, write_json
from landmark_lightning.inference.calibrating import PASSES, crop_squares
from landmark_lightning.inference.calibration import Calibration
from landmark_lightning.inference.mean_face import mean_face_figures
from landmark_lightning.inference.predict import (
    input_images,
    predict_around,
    predict_mirrored,
    predict_test,
    spread,
)
from landmark_lightning.inference.predictions_csv import write_table
from landmark_lightning.inference.rejection import rejection_figures
from landmark_lightning.inference.speed import frames_per_second
from landmark_lightning.inference.stress.conditions import Condition
from landmark_lightning.inference.stress.running import stress_test
from landmark_lightning.loading.faces import Faces, faces_from
from landmark_lightning.metrics.nme import COVERED, landmark_error, normalized_mean_error
from landmark_lightning.metrics.signal import surprise
from landmark_lightning.metrics.validation import with_full
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.plots.faces import nme_caption, predicted_faces
from landmark_lightning.runs.figures import (
    bound_figures,
    coverage_figures,
    offset_figures,
    offset_sentence,
    summarize,
)
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.predictions import Records, write_records
from landmark_lightning.seals import sealed
from landmark_lightning.terminal import shown

OF_TRAINING = (
    "epochs", "epochs_trained", "steps", "planned_steps", "phases_reached", "train_seconds",
    "rescore_seconds", "validation_nme", "validation_nme_mean_face", "provenance",
)  # fmt: skip
"""What metrics.json says of the training; null where a run is tested again."""
PLOTTED_FACES, SURPRISING_FACES, MIRRORED_FACES = 20, 8, 2000


def evaluate(
    task: LandmarkTask,
    faces: FaceFile,
    output: Path,
    training: Mapping[str, Any] | None = None,
    conditions: Sequence[Condition] = (),
    seed: int = 0,
    trained_on: FaceFile | None = None,
    csv: bool = False,
) -> dict[str, Any]:
    """Tests a task on a FaceFile and writes its figures, predictions and pictures of faces.

    All files appear together, in the place of those of an earlier test.

    Args:
        task: The trained task.
        faces: The FaceFile; without test faces every test figure is null.
        output: Folder to write to.
        training: The figures of ``OF_TRAINING``; None: unknown here.
        conditions: What the test faces are put through besides (``inference.stress``).
        seed: Seed of covers and noise among them.
        trained_on: The faces that it was trained on, whose mean shape is a rival; None: those of
            ``faces``, where they are the ones, else not known.
        csv: Whether to write predictions.csv, too.

    Returns:
        The content of metrics.json.

    Raises:
        UserError: The FaceFile's landmarks or crops are not those that the task was trained on.
    """
    names = [path.name for path in _files(RunFolder(output))]
    with replacing_set(output, names) as staged:
        return _evaluate(
            task, faces, RunFolder(staged), training, conditions, seed, trained_on, csv
        )


def _files(folder: RunFolder) -> tuple[Path, ...]:
    """The files that a test may write."""
    return (
        folder.metrics, folder.predictions, folder.table, folder.faces, folder.surprises,
        folder.stress,
    )  # fmt: skip


def _evaluate(
    task: LandmarkTask,
    faces: FaceFile,
    folder: RunFolder,
    training: Mapping[str, Any] | None,
    conditions: Sequence[Condition],
    seed: int,
    trained_on: FaceFile | None,
    csv: bool,
) -> dict[str, Any]:
    """Tests a task and writes all files into a folder; gives the content of metrics.json."""
    dataset, model = faces.name, task.run["model"]
    batch_size = task.run["data"]["eval_batch_size"]
    test = faces_from(faces, "test")  # read once for all that follows
    records = predict_test(
        task, faces, dataset=dataset, model=model, seed=task.run["seed"], batch_size=batch_size,
        split=test,
    )  # fmt: skip
    write_records(folder.predictions, records)
    if csv:
        write_table(folder.table, records, task.calibration)
    tested = len(test)  # none where the dataset has no test split
    if tested:
        _plot(task, test, records, spread(PLOTTED_FACES, tested), folder.faces)
    if tested and records.signal is not None:
        _plot(task, test, records, _surprising(records, records.signal), folder.surprises)
    own = trained_on or (faces if _is_own(task, faces) else None)
    stress = None
    if tested and conditions:
        stress, sheet = stress_test(task, test, records, conditions, seed, batch_size)
        if sheet is not None:
            _save(sheet, folder.stress)
    content = {
        "dataset": dataset,
        "model": model,
        "seed": task.run["seed"],
        "scheme": faces.scheme.name,
        "normalizer": faces.normalizers[0],
        "data": faces.content,
        **{name: (training or {}).get(name) for name in OF_TRAINING},
        "boxes": task.crop["boxes"],
        "rendered": faces.origin.rendered,
        "mean_face": None if own is None else mean_face_figures(task, own, records),
        "detector": by_detector(task, faces, test, records) if tested else None,
        "bound": bounds_of(task, records) if tested else None,
        "offset": mirror_check(task, test, records, batch_size) if tested else None,
        "coverage": None
        if records.covered is None
        else coverage_figures(records, covered_rates(faces)),
        "rejection": None
        if not tested or records.signal is None
        else rejection_figures(task, test, records.signal, batch_size),
        "fps": frames_per_second(task),
        "torch": torch.__version__,
        "subsets": summarize(records),
        **({"stress": stress} if stress else {}),
    }
    write_json(folder.metrics, sealed(content))
    return content


def _is_own(task: LandmarkTask, faces: FaceFile) -> bool:
    """Whether a FaceFile is the one that a task was trained on, by its hash or else its name."""
    dataset = task.run["dataset"]
    content = dataset.get("content")
    return bool(dataset["name"] == faces.name if content is None else content == faces.content)


def mirror_check(
    task: LandmarkTask, test: Faces, records: Records, batch_size: int = 64
) -> dict[str, Any] | None:
    """How far the test labels lie beside the point along x, as mirrored faces show it.

    Returns:
        What ``offset_figures`` says of at most ``MIRRORED_FACES`` test faces, spread evenly; None
        for a scheme without mirror pairs.
    """
    if not task.scheme.pairs:
        return None
    rows = spread(MIRRORED_FACES, len(test))
    mirrored = predict_mirrored(task, test, batch_size, rows)
    return offset_figures(records, rows.tolist(), mirrored)


def bounds_of(task: LandmarkTask, records: Records) -> dict[str, Any] | None:
    """How well the calibrated bound holds test errors, beside two rivals.

    Returns:
        ``promised`` the share that the bound was made for, and ``subsets`` as of ``bound_figures``
        with ``bound``, ``constant`` (one constant a landmark, calibrated likewise) and
        ``predicted_error`` (the signal as it is); None where none was measured.
    """
    if task.calibration is None:
        return None
    calibration = Calibration.from_dict(task.calibration)
    faces, signal = len(records.photo), None
    if records.signal is not None:
        signal = records.signal.double().numpy()
    bounds = {
        "bound": calibration.bound(signal, faces=faces),
        "constant": np.repeat([calibration.constants], faces, axis=0),
        "predicted_error": calibration.predicted_error(signal, faces),
    }
    as_tensors = {name: torch.from_numpy(bound) for name, bound in bounds.items()}
    return {"promised": calibration.coverage, "subsets": bound_figures(records, as_tensors)}


def by_detector(
    task: LandmarkTask, faces: FaceFile, test: Faces, records: Records
) -> dict[str, Any] | None:
    """The test with faces cut around a detector's box instead of the true one.

    Returns:
        ``faces`` how many there are, ``found`` those that the detector found, ``passes`` how often
        each was cut, and by subset, on the found ones, ``nme`` by the detector's boxes and
        ``nme_true`` by true ones; None where no detector's boxes are known.
    """
    split = faces.read("test", images=False)
    if task.calibration is None or not np.isfinite(split.detector_box).any():
        return None
    calibration = Calibration.from_dict(task.calibration)
    if calibration.detector is None:
        return None
    squares = torch.from_numpy(crop_squares(split, np.arange(len(split)), calibration.detector))
    points, _ = predict_around(task, test, squares, PASSES, calibration.again)
    found = points.isfinite().all(dim=2).all(dim=1)
    nme = {
        name: normalized_mean_error(prediction, records.target, records.normalizer[:, 0])
        for name, prediction in (("nme", points), ("nme_true", records.prediction))
    }
    members = with_full(records.subsets).unbind(dim=1)
    by_subset = {
        subset: {name: _mean(values[member & found]) for name, values in nme.items()}
        for subset, member in zip(("full", *faces.subsets), members, strict=True)
    }
    return {
        "faces": len(split),
        "found": int(found.sum()),
        "passes": PASSES,
        "subsets": by_subset,
    }


def covered_rates(faces: FaceFile) -> Tensor:
    """(L,) share of the training faces in which each landmark is covered, of those that label it.

    0 for a landmark that none does.
    """
    visible = torch.from_numpy(faces.read("train", images=False).visible)
    return (visible == COVERED).sum(dim=0) / (visible > 0).sum(dim=0).clamp(min=1)


def _mean(values: Tensor) -> float | None:
    mean = float(values.nanmean())
    return mean if np.isfinite(mean) else None


def _surprising(records: Records, signal: Tensor) -> Tensor:
    """The test faces whose distance lies furthest above their signal, the worst first."""
    points = (records.prediction, records.target, signal)
    above = surprise(*points, records.normalizer[:, 0], records.info.distance)
    return above.argsort(descending=True, stable=True)[:SURPRISING_FACES]


def _plot(
    task: LandmarkTask,
    test: Faces,
    records: Records,
    rows: Tensor,
    path: Path,
) -> None:
    """Plots test faces with their predictions in the colour of the signal."""
    sheet = predicted_faces(
        input_images(task, test, rows),
        records.target[rows],
        records.prediction[rows],
        None if records.signal is None else records.signal[rows],
        _captions(records, rows),
    )
    _save(sheet, path)


def _save(sheet: Image.Image, path: Path) -> None:
    with replacing(path) as temporary:
        sheet.save(temporary, format="png")


def _captions(records: Records, rows: Tensor) -> list[str]:
    """Photo and NME of test faces, and by its name the landmark that is furthest off."""
    primary, names = records.normalizer[:, 0], records.info.names
    nme = normalized_mean_error(records.prediction, records.target, primary)
    worst = landmark_error(records.prediction, records.target).nan_to_num(nan=-1).argmax(dim=1)
    return [
        f"{shown(Path(records.photo[i]).name)}  {nme_caption(float(nme[i]))}"
        + (f", worst {names[worst[i]]}" if names else "")
        for i in rows.tolist()
    ]


def written(folder: RunFolder) -> list[str]:
    """Names of the files that ``evaluate`` left in a folder."""
    return [path.name for path in _files(folder) if path.is_file()]


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
    line += f" cut by boxes={content['boxes']}"
    if content["detector"]:
        found = content["detector"]
        line += f", {found['subsets']['full']['nme']:.2f} by a detector's on {found['found']}"
    chosen_by = "by signal" if full["spearman"] is not None else "at random"
    keys = {chosen_by: "discard", "by prior": "discard_prior", "oracle": "discard_oracle"}
    shown = [f"{word} {full[key]['30']:.2f}" for word, key in keys.items()]
    line += f"; 30% discarded {', '.join(shown)}"
    line += "" if full["spearman"] is None else f"; Spearman {full['spearman']:.2f}"
    told = offset_sentence(content["offset"] or {}, content["normalizer"])
    return f"{line}; {told}" if told else line
