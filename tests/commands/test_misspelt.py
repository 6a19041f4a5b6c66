"""Sixty misspelt settings, choices and values: what was meant is suggested."""

import pytest

from tests.console import Command

SETTINGS = {
    "batchsize=3": "batch_size", "sed=1": "seed", "runs_dirs=x": "runs_dir",
    "datadir=x": "data_dir", "worker=2": "workers", "compiled=true": "compile",
    "re_run=true": "rerun", "callback=[]": "callbacks", "allow_target=[]": "allow_targets",
    "data.validaton=0.2": "data.validation", "data.resident=host": "data.residency",
    "data.pre_fetch=0": "data.prefetch", "data.eval_batchsize=9": "data.eval_batch_size",
    "dataset.nam=x": "dataset.name", "dataset.roots=x": "dataset.root",
    "dataset.shceme=x": "dataset.scheme", "dataset.normaliser=box": "dataset.normalizer",
    "dataset.box=landmarks": "dataset.boxes", "dataset.max_reject=3": "dataset.max_rejected",
    "dataset.crop.scal=1": "dataset.crop.scale", "dataset.crop.margins=2": "dataset.crop.margin",
    "model.balance.power=1": "model.balancing.power",
    "model.balancing.pow=1": "model.balancing.power",
    "model.balancing.floors=0": "model.balancing.floor",
    "model.balancing.clip_quantil=1": "model.balancing.clip_quantile",
    "model.balancing.startepoch=1": "model.balancing.start_epoch",
    "model.balancing.frac=1": "model.balancing.fraction",
    "network.wdith=8": "network.width", "network.hiden=8": "network.hidden",
    "phases.scal=0.1": "phases.scale", "phases.lrscale=1": "phases.lr_scale",
    "phases.warm_up=0": "phases.warmup", "phases.gradient_cliping=1": "phases.gradient_clip",
    "phases.optimiser.fused=true": "phases.optimizer.fused",
    "augmentation.rotate=0": "augmentation.rotation",
    "augmentation.occlusions=0": "augmentation.occlusion",
    "augmentation.blur_prob=0": "augmentation.blur_probability",
    "+augmentation.extras=[]": "augmentation.extra",
    "trainer.accelarator=cpu": "trainer.accelerator", "+trainer.max_epoch=3": "max_epochs",
    "logger.wandd=false": "logger.wandb", "logger.picture=0": "logger.pictures",
    "logger.projet=x": "logger.project",
}  # fmt: skip
CHOICES = {
    "model=nobbb": "nobb", "model=BB": "bb", "dataset=300W": "300w",
    "dataset=sythetic": "synthetic", "phases=practicle": "practical", "network=smal": "small",
    "augmentation=milde": "mild",
    "trainer=ddpcpu": "ddp_cpu", "experiment=papr": "paper", "launcher=jobliB": "joblib",
}  # fmt: skip
VALUES = {
    "phases.decay=cosin": "cosine", "phases.reduction=means": "mean",
    "data.residency=strem": "stream", "model.balancing.precision=bf61": "bf16",
    "model.balancing.score=coordinate": "coordinates", "model.validation=manhatan": "manhattan",
    "dataset.crop.gray=lumma": "luma", "dataset.boxes=landmark": "landmarks",
    "dataset.scheme=ibug86": "ibug68", "trainer.precision=bf16-mix": "bf16-mixed",
    "phases.list=[{loss:wingg,lr:1,epochs:1}]": "wing", "compile=cuda_graph": "cudagraph",
}  # fmt: skip
MISSPELT = SETTINGS | CHOICES | VALUES


@pytest.mark.parametrize("typed", MISSPELT)
def test_what_was_meant_is_suggested(command: Command, typed: str) -> None:
    done = command("train", "model=bb", "dataset.source.train=4", "dataset.source.test=1", typed)
    assert done.code == 1
    assert done.err.rstrip().endswith(f"did you mean {MISSPELT[typed]}"), done.err
    assert "Traceback" not in done.err


def test_there_are_sixty_of_them() -> None:
    assert len(MISSPELT) >= 60
