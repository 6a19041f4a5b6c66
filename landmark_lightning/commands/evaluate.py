"""landmark-evaluate: tests a trained run, on its own dataset or on another of the same scheme."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from landmark_lightning.commands.prepare import facefile_path
from landmark_lightning.data.datamodule import ResidentFaces
from landmark_lightning.data.facefile import FaceFile
from landmark_lightning.evaluation.records import Records, write_records
from landmark_lightning.evaluation.summary import summarize
from landmark_lightning.learning.inference import predict_test, static_prior
from landmark_lightning.learning.task import load_task
from landmark_lightning.run_folder import RunFolder, write_json


def run(config: Mapping[str, Any]) -> None:
    """Evaluates ``run`` and writes metrics.json and predictions.h5 to ``output``."""
    given = Path(config["run"])
    if given.is_file():
        folder, checkpoint = RunFolder(given.parent.parent), given
    else:
        folder, checkpoint = RunFolder(given), RunFolder(given).best
    if not checkpoint.is_file():
        raise FileNotFoundError(f"run={given} is neither a checkpoint nor a run's folder with one")
    if not folder.config.is_file():
        raise FileNotFoundError(f"{folder.config} does not exist; run={given} is no run's folder")
    trained: Any = OmegaConf.to_container(OmegaConf.load(folder.config))
    dataset = config["dataset"] or trained["dataset"]
    faces = FaceFile.open(facefile_path(dataset, Path(config["data_dir"] or trained["data_dir"])))
    output = Path(config["output"] or folder.path / "evaluations" / dataset["name"])
    print(f"Evaluating {checkpoint} on {faces.path} ({faces.faces['test']} faces)")
    task = load_task(checkpoint, tuple(config["allow_targets"]))
    if bool(task.static_prior.isnan().any()):
        task.static_prior = static_prior(task, ResidentFaces(faces.read("train")))
    records = predict_test(
        task, faces, dataset=dataset["name"], model=trained["model"]["name"], seed=trained["seed"]
    )
    content = write_results(records, output, epochs=None, train_seconds=None, rescore_seconds=None)
    print(figures_line(content))
    print(f"Wrote {output / 'metrics.json'} and {output / 'predictions.h5'}")


def write_results(
    records: Records,
    output: Path,
    *,
    epochs: int | None,
    train_seconds: float | None,
    rescore_seconds: float | None,
) -> dict[str, Any]:
    """Writes predictions.h5, then metrics.json, whose presence says that all is there.

    Returns:
        The content of metrics.json.
    """
    folder = RunFolder(output)
    output.mkdir(parents=True, exist_ok=True)
    write_records(folder.predictions, records)
    info = records.info
    content = {
        "dataset": info.dataset,
        "model": info.model,
        "seed": info.seed,
        "scheme": info.scheme["name"],
        "normalizer": info.normalizers[0],
        "epochs": epochs,
        "train_seconds": train_seconds,
        "rescore_seconds": rescore_seconds,
        "torch": torch.__version__,
        "subsets": summarize(records),
    }
    write_json(folder.metrics, content)
    return content


def figures_line(content: Mapping[str, Any]) -> str:
    """The main test figures as one line."""
    full = content["subsets"]["full"]
    name = f"{content['dataset']} {content['model']} seed {content['seed']}"
    line = f"{name}: test NME ({content['normalizer']}) {full['nme']:.2f} on {full['faces']} faces"
    chosen_by = "by signal" if full["spearman"] is not None else "at random"
    keys = {chosen_by: "discard", "by prior": "discard_prior", "oracle": "discard_oracle"}
    shown = [f"{word} {full[key]['30']:.2f}" for word, key in keys.items()]
    line += f"; 30% discarded {', '.join(shown)}"
    return line + ("" if full["spearman"] is None else f"; Spearman {full['spearman']:.2f}")
