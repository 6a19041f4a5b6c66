"""What a user did wrong, in one sentence, as the commands print it and state.json keeps it."""

from collections.abc import Collection
from difflib import get_close_matches

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from landmark_lightning.terminal import shown


class UserError(ValueError):
    """What a user can mend: one sentence that names the file or setting, its value and the remedy.

    Any other exception but those of ``USER_ERRORS`` is a bug of this library and shows its trace.
    """


LONGEST = 2000
"""Letters of a sentence; names and values in it, which others gave, may be longer."""

USER_ERRORS = (UserError, OSError, HydraException, OmegaConfBaseException)
"""Said in one sentence, without a trace: ours, the operating system's and Hydra's."""


def did_you_mean(given: object, known: Collection[object]) -> str:
    """``; did you mean <the nearest known one>``, or nothing where none is near."""
    choices = {str(choice).lower(): str(choice) for choice in known}
    near = get_close_matches(str(given).lower(), choices, 1, cutoff=0.5)
    return f"; did you mean {choices[near[0]]}" if near and str(given) not in choices else ""


def no_setting(key: str, known: Collection[str]) -> str:
    """A sentence on a dotted name that no setting has; it gives the nearest known one, if any."""
    room, _, last = key.rpartition(".")
    known = [name for name in known if name != key]
    beside = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == room}
    near = [beside[name] for name in get_close_matches(last, beside, 1)]
    near += get_close_matches(key, known, 1, cutoff=0.8)
    near += [name for name in known if name.rpartition(".")[2] == last]
    hint = f"did you mean {near[0]}" if near else "--cfg job lists all of them"
    if not near and room == "trainer":
        hint = f"what else Lightning's Trainer takes is added with +, as in +{key}=..."
    return f"there is no setting {key!r}; {hint}"


def unknown_key(error: BaseException) -> str | None:
    """Name of the setting that Hydra does not know, where this is the error."""
    text = str(error)
    return text.split("'")[1] if text.startswith("Could not override") else None


def sentence(error: BaseException) -> str:
    """An error as one line of at most ``LONGEST`` letters, Hydra's own in our words."""
    text = shown(_sentence(error))
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def _sentence(error: BaseException) -> str:
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
    text = text.split(" Config search path:")[0]
    text, _, choices = text.partition(" Available options in ")
    if choices:  # Could not find 'model/bbb' Available options in 'model': bb bbo
        group, _, names = choices.partition(": ")
        given = text.rpartition(f"{group.strip(chr(39))}/")[2].strip("'")
        hint = did_you_mean(given, names.split())
        text = f"{text.removeprefix(chr(39))}; choices are {', '.join(names.split())}{hint}"
    return f"{text} (setting {key.split()[0]})" if key else text
