"""A checkpoint's content, of which nothing is run, and its network's weights to start with."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from landmark_lightning.config.older import CHECKPOINT_FORMAT, modern
from landmark_lightning.errors import UserError
from landmark_lightning.runs.folder import checkpoint_of
from landmark_lightning.schemes import Scheme, scheme_from
from landmark_lightning.seals import check_seal

REMEDY = "where it is a run's, use the other one beside it, or train again with rerun=true"
"""For a damaged checkpoint."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU; nothing in it is run.

    Raises:
        FileNotFoundError: No such file.
        UserError: No checkpoint, or damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; landmark-train writes it")
    check_whole(path)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, LookupError, RuntimeError, ValueError, UnpicklingError) as error:
        raise UserError(f"{path} is no checkpoint or is damaged; {REMEDY}") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise UserError(f"{path} is no checkpoint")
    if checkpoint.get("format", 1) > CHECKPOINT_FORMAT:
        raise UserError(f"{path} is of a newer version of this library; install that")
    return checkpoint


def check_whole(path: Path) -> None:
    """Checks a checkpoint against its seal, where it has one.

    Raises:
        UserError: It is damaged.
    """
    try:
        check_seal(path)
    except UserError as error:
        raise UserError(f"{path} is damaged ({error}); {REMEDY}") from error


def take_weights(
    network: nn.Module, scheme: Scheme, settings: Mapping[str, Any], init_from: Path
) -> str:
    """Starts a network with the weights of another run's.

    It takes all of them where landmarks and outputs are the same, else all but the last layer,
    which stays as it is.

    Args:
        network: The network.
        scheme: Scheme of its landmarks.
        settings: ``_target_`` and arguments of the network.
        init_from: The other run's folder, or one of its checkpoints.

    Returns:
        A line that says what was taken.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        UserError: No checkpoint of this library, or its network does not fit; one sentence that
            names the first layer which differs.
    """
    path = checkpoint_of(init_from, "init_from")
    content = read_checkpoint(path)
    try:
        arguments = modern(content["hyper_parameters"])
        other, before = (
            scheme_from(arguments["dataset"]["scheme"], file=False),
            dict(arguments["network"]),
        )
    except (LookupError, TypeError) as error:
        raise UserError(f"init_from={path} is no checkpoint of this library") from error
    named = content["state_dict"].items()
    theirs = {key[8:]: value for key, value in named if key.startswith("network.")}
    ours: dict[str, Tensor] = network.state_dict()
    last = next(reversed(ours)).rpartition(".")[0]
    layer = {key for key in ours.keys() | theirs.keys() if key.startswith(f"{last}.")}
    same = _same_landmarks(scheme, other) and all(
        _shape(ours.get(key)) == _shape(theirs.get(key)) for key in layer
    )
    taken = [key for key in {**ours, **theirs} if same or key not in layer]
    for key in taken:
        here, there = (_shape(weights.get(key)) for weights in (ours, theirs))
        if here != there:
            own = [f"network.{k}={v}" for k, v in before.items() if settings.get(k) != v]
            remedy = f"pass {' '.join(own)} as that run had" if own else "name another run"
            raise UserError(
                f"init_from={init_from}: {key} of its network is {there}, here it is {here}; "
                + remedy
            )
    network.load_state_dict({**ours, **{key: theirs[key] for key in taken}})
    count = sum(weights.numel() for weights in network.parameters()) / 1e6
    line = f"starts with the weights of {path}, all {count:.2f} M"
    return line if same else f"{line} but those of {last}: its landmarks or outputs are others"


def _same_landmarks(one: Scheme, other: Scheme) -> bool:
    """Whether two schemes have the same landmarks: by their names, or else by the scheme's."""
    if one.names and other.names:
        return one.names == other.names
    return (one.name, one.landmarks) == (other.name, other.landmarks)


def _shape(weights: object) -> str:
    """The shape of weights, to be read."""
    if not isinstance(weights, Tensor):
        return "missing"
    return " x ".join(map(str, weights.shape)) or "one number"
