"""One cell of an experiment, from the FaceFile to its test figures."""

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from landmark_lightning.config.read import plain
from landmark_lightning.config.schema import Train
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation.dataset import prepare_dataset
from landmark_lightning.datasets.preparation.origins import check_origin
from landmark_lightning.datasets.preparation.prepared import (
    as_in_file,
    facefile_path,
    for_training,
    open_prepared,
)
from landmark_lightning.datasets.preparation.settings import check_training_set
from landmark_lightning.ending import Ended
from landmark_lightning.errors import UserError
from landmark_lightning.files import (
    finish_set,
    locked,
    replacing,
    write_json,
    write_sealed,
    write_text,
)
from landmark_lightning.inference.calibrating import calibrate, describe
from landmark_lightning.inference.evaluate import evaluate, figures_line, written
from landmark_lightning.inference.mean_face import mean_face_of_validation
from landmark_lightning.inference.predict import offset_of_labels
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.figures import least_offset, to_side
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.provenance import provenance
from landmark_lightning.runs.results import Run, read_run
from landmark_lightning.runs.state import Attempt
from landmark_lightning.samplers.statistics import summarize_draws
from landmark_lightning.seals import sealed
from landmark_lightning.training.balancing import callbacks_of, rescore_seconds
from landmark_lightning.training.checkpoints import BestAndLast, DurableCheckpointIO, RunState
from landmark_lightning.training.checks import check_training, logged
from landmark_lightning.training.curves import TrainingCurves
from landmark_lightning.training.divergence import Divergence
from landmark_lightning.training.graphs import GraphedTask, compile_network
from landmark_lightning.training.loggers import (
    RunLogger,
    csv_logger,
    one_wandb_run,
    start_curves,
    summary_figures,
    tensorboard_logger,
)
from landmark_lightning.training.pictures import ValidationPictures, log_results, plot_most_drawn
from landmark_lightning.training.processes import companions
from landmark_lightning.training.progress import TrainingProgress, print_plan
from landmark_lightning.training.threads import set_threads, threads_put_back
from landmark_lightning.training.trainer import (
    build_trainer,
    check_answer,
    check_last_batch,
    check_monitors,
    fit,
    hush_lightning,
)


def seed_everything(config: Train) -> None:
    """Seeds all random generators with a training's seed."""
    pl.seed_everything(config.seed, workers=True, verbose=False)


def train(config: Train) -> Run:
    """Trains and tests one run, unless its folder says that this is done; gives its figures.

    Raises:
        UserError: What a user can mend.
    """
    attend(config)
    return read_run(RunFolder.of(config).path)


def attend(config: Train) -> None:
    """Trains one run, as one of its processes where there are several."""
    folder = RunFolder.of(config)
    with Attempt(folder.path) as attempt, threads_put_back():
        try:
            _train(config, folder, attempt)
        except SIGTERMException as end:  # Lightning's, between two steps
            raise Ended(signal.SIGTERM) from end
        except SystemExit as end:
            if isinstance(end.__context__, KeyboardInterrupt):  # Lightning makes an exit of it
                raise KeyboardInterrupt from end
            raise


def _train(config: Train, folder: RunFolder, attempt: Attempt) -> None:
    """The run itself; the attempt begins when the run's folder is about to be written."""
    hush_lightning()
    rerun, config = config.rerun, for_training(config)
    finish_set(folder.path)
    clash = None if rerun else folder.clash(plain(config))
    if folder.metrics.is_file() and not rerun and clash is None:
        read_run(folder.path)  # it can be
        check_origin(config, photos=False)
        print(f"{folder.path} is finished already; pass rerun=true to train it again")
        return
    resumed = None if rerun else goes_on_from(folder)
    # The weights of a run that goes on are its own.
    built = check_training(replace(config, init_from=None) if resumed else config)
    faces = _facefile(config)
    faces.read("test", images=False)  # a number that can't be is said now, not after the training
    config = replace(config, dataset=as_in_file(config.dataset, faces))
    if not rerun:  # once more, now that it is known on which faces
        clash = folder.clash(plain(config))
    seed_everything(config)
    datamodule = FaceDataModule.from_config(faces, config, built.strategy)
    task = _task(replace(config, init_from=None) if resumed else config, datamodule)
    if built.callbacks:
        known = logged(task, datamodule.val_faces[[0]])
        check_monitors(built.callbacks, known, open_ended=False)
    state, kept = RunState(), BestAndLast(folder)
    refreshing = callbacks_of(datamodule.strategy)
    callbacks: list[Callback] = [
        state,  # before what takes time
        *refreshing,
        Divergence(),
        TrainingCurves(config.trainer.get("log_every_n_steps", 50)),
        TrainingProgress(folder.name),
        kept,
        *built.callbacks,
    ]
    curves = csv_logger(folder)
    loggers: list[Logger] = [curves]
    if "tensorboard" in (config.logger.also or ()):
        loggers.append(tensorboard_logger(folder, resumed))
    tracked = None
    if config.logger.wandb:
        tracked = RunLogger(folder, config, task.normalizer)
        loggers.append(tracked)
        callbacks.append(ValidationPictures(tracked, config.logger.pictures))
    trainer = build_trainer(config, task, callbacks, loggers)
    # Every setting is known to be good by now: a wrong one is said before a clash.
    if clash is not None:
        raise UserError(clash)
    if not trainer.is_global_zero:  # of several processes the first one writes
        trainer.loggers = []
        with companions(config, trainer):
            fit(trainer, task, datamodule, resumed)
        return
    attempt.begin()
    datamodule.place(trainer.strategy.root_device)
    print_plan(folder, datamodule, task, trainer, resumed)
    if (line := set_threads(config.threads, task, datamodule, trainer, resumed)) is not None:
        print(f"  {line}")
    if datamodule.sampler.balanced and not refreshing:
        print("  Warning: all draws are even: the strategy has no callbacks() that refresh losses")
    if rerun:
        folder.clear()
    write_sealed(folder.config, OmegaConf.to_yaml(OmegaConf.create(plain(config))))
    start_curves(curves, folder, resumed)
    if tracked:
        write_text(folder.wandb_id, f"{tracked.version}\n")  # for when it goes on
    with one_wandb_run(tracked):
        with companions(config, trainer):
            fit(trainer, task, datamodule, resumed)
        if not folder.best.is_file():
            raise UserError(
                f"{folder.best} is missing: the training was never validated, or somebody has "
                "removed it; pass rerun=true to train anew"
            )
        best = _with_prior(folder, datamodule, task)
        if best.augmentation.mirror:
            print(f"  {describe_mirror(best, datamodule)}")
        training = {
            **task.schedule.taken(trainer.global_step),
            "train_seconds": round(state.seconds, 2),
            "rescore_seconds": round(rescore_seconds(trainer), 2),
            "validation_nme": kept.lowest,
            "validation_nme_mean_face": (rival := mean_face_of_validation(datamodule)),
            "provenance": provenance(trainer.strategy.root_device),
        }
        if datamodule.sampler.balanced:
            balancer, trained = datamodule.balancer, datamodule.train_faces
            drawn = summarize_draws(balancer, trained.subsets, faces.subsets, trained.photo)
            write_json(folder.balancing, sealed(drawn))
            if (sheet := plot_most_drawn(best, datamodule)) is not None:
                with replacing(folder.most_drawn) as temporary:
                    sheet.save(temporary, format="png")
        content = evaluate(best, faces, folder.path, training)
        figures = summary_figures(content)
        for logger in loggers:
            if isinstance(logger, RunLogger):
                with logger.surviving():
                    log_results(logger, folder, figures, config.logger.pictures > 0)
            elif not isinstance(logger, TensorBoardLogger):
                logger.log_metrics(figures, step=trainer.global_step)
            logger.save()
            logger.finalize("success")
    print(figures_line(content))
    if lack := task.schedule.shortfall(trainer.global_step):
        print(f"Warning: {lack}")
    if content["validation_nme"] is not None and content["validation_nme"] >= rival:
        print(
            f"Warning: no better than the mean face: NME of the validation faces is "
            f"{content['validation_nme']:.2f}, with the mean shape of the training faces as the "
            f"answer to each it is {rival:.2f}; train longer (phases.scale), on more faces, or "
            "look at them with landmark-inspect"
        )
    others = (folder.balancing, folder.most_drawn, folder.profile, folder.tensorboard)
    more = [path.name for path in others if path.exists()]
    names = [*written(folder), *more, folder.curves.name, folder.checkpoints.name]
    print(f"Wrote {folder.path}: {', '.join(names)}")


def goes_on_from(folder: RunFolder) -> Path | None:
    """The checkpoint that a run goes on from: the last one, or the best where that is damaged.

    None where it was never begun.

    Raises:
        UserError: The best one is damaged, with or without the last.
    """
    if not folder.last.is_file():
        return None
    if folder.best.is_file():
        try:
            read_checkpoint(folder.best)
        except UserError as error:
            raise UserError(
                f"{error}, or remove it: the best of the epochs to come takes its place"
            ) from error
    try:
        read_checkpoint(folder.last)
    except UserError:
        if not folder.best.is_file():
            raise
        return folder.best.resolve()
    return folder.last.resolve()


def _facefile(config: Train) -> FaceFile:
    """The dataset's FaceFile, prepared first where the config says all that this needs."""
    dataset, data_dir = config.dataset, config.data_dir
    path = facefile_path(dataset, data_dir)
    if path.is_file():
        check_origin(config)
        return open_prepared(dataset, data_dir)
    check_training_set(config)
    with locked(path):  # of a sweep's parallel cells, one prepares and the others wait
        if path.is_file():
            return open_prepared(dataset, data_dir)
        return prepare_dataset(dataset, data_dir, config.allow_targets, config.workers)


def _task(config: Train, datamodule: FaceDataModule) -> LandmarkTask:
    compiled = config.compile
    captured = compiled == "cudagraph" and torch.cuda.is_available()
    if compiled == "cudagraph" and not captured:
        print("compile=cudagraph: torch sees no CUDA device here; the steps run as they are")
    task = (GraphedTask if captured else LandmarkTask).for_data(datamodule, config)
    check_answer(task)
    check_last_batch(task, datamodule.sampler)
    if compiled is True:
        compile_network(task.network)
    return task


def _with_prior(folder: RunFolder, datamodule: FaceDataModule, task: LandmarkTask) -> LandmarkTask:
    """The best checkpoint's task, static prior and calibration measured and kept in it."""
    checkpoint = read_checkpoint(folder.best)
    best = load_task(folder.best, task.allow_targets).to(task.device)
    made = calibrate(best, datamodule)
    print(f"  {describe(made)}")
    checkpoint["state_dict"]["static_prior"] = best.static_prior
    checkpoint["calibration"] = best.calibration
    DurableCheckpointIO().save_checkpoint(checkpoint, folder.best)
    return best


def describe_mirror(task: LandmarkTask, datamodule: FaceDataModule) -> str:
    """Where the labels lie that were mirrored, in one line; a warning where that is not mended."""
    percent, error = offset_of_labels(task, datamodule.val_faces, datamodule.eval_batch_size)
    setting = task.hparams["augmentation"].get("mirror_offset", 0)
    mended = 100 * float(task.augmentation.label_offset)
    used = f"augmentation.mirror_offset={setting}"
    if setting == "auto":
        known = np.isfinite(mended)
        used += f" has become {mended / 100:.4f}" if known else " was not measured in time"
    line = (
        f"the labels of the validation faces lie {abs(percent):.1f}% of {task.normalizer} to the "
        f"{to_side(percent)} of where mirrored pictures say; {used}"
    )
    if not abs(percent - mended) >= least_offset(error):  # nor where no face was mirrored
        return line
    better = f"{percent / 100:.3f}" if setting == "auto" else "auto"
    return (
        f"Warning: {line}, so that augmentation.mirror={task.augmentation.mirror:g} has taught "
        f"two places; pass augmentation.mirror_offset={better}"
    )
