"""Errors in one sentence, as the commands print them and state.json keeps them."""

from collections.abc import Collection
from difflib import get_close_matches

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

USER_ERRORS = (ValueError, OSError, HydraException, OmegaConfBaseException)
"""What a user can mend: said in one sentence, without a trace."""


def unknown_key(error: BaseException) -> str | None:
    """Name of the setting that Hydra does not know, where this is the error."""
    text = str(error)
    return text.split("'")[1] if text.startswith("Could not override") else None


def sentence(error: BaseException) -> str:
    """An error as one line, Hydra's own put in words of the command line."""
    text, _, key = " ".join(str(error).split()).partition(" full_key: ")
    if not isinstance(error, USER_ERRORS):
        return f"{type(error).__name__}: {text}" if text else type(error).__name__
    if (unknown := unknown_key(error)) is not None:
        return no_setting(unknown, ())
    if text.startswith("Missing mandatory value"):
        return f"{key.split()[0]} is not given; add {key.split()[0]}=<value>"
    for plugin, extra in (("joblib", "joblib"), ("submitit", "slurm")):
        if f"Could not find 'hydra/launcher/{plugin}" in text:
            return f"launcher={extra} needs more: pip install 'landmark-lightning[{extra}]'"
    text = text.split(" Config search path:")[0].replace(" Available options", "; choices")
    return f"{text} (setting {key.split()[0]})" if key else text


def no_setting(key: str, known: Collection[str]) -> str:
    """One sentence on a setting that is not there: it names the nearest one that is, if any.

    Args:
        key: Its dotted name.
        known: Dotted names of the settings that there are.
    """
    room, _, last = key.rpartition(".")
    beside = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == room}
    near = [beside[name] for name in get_close_matches(last, beside, 1)]
    near += [name for name in known if name.rpartition(".")[2] == last and name != key]
    hint = f"did you mean {near[0]}" if near else "--cfg job lists all of them"
    return f"there is no setting {key!r}; {hint}"
