"""What ``import landmark_lightning`` offers, and what it costs."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import landmark_lightning as ll


@pytest.mark.parametrize("name", dir(ll))
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(ll, name)
    assert found is not None
    if callable(found):
        assert found.__doc__


def test_type_checkers_see_the_same_names() -> None:
    """They read the imports that the names come from."""
    assert (Path(ll.__file__).parent / "py.typed").is_file()
    assert len(dir(ll)) > 30


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'LandmarkTusk'"):
        _ = ll.LandmarkTusk


def test_the_version_is_that_of_the_distribution() -> None:
    assert ll.__version__ == version("landmark-lightning")


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, landmark_lightning as ll; dir(ll)\n"
        "heavy = {'torch', 'numpy', 'hydra', 'pytorch_lightning'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_as_a_module_it_lists_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "landmark_lightning"], capture_output=True, text=True, check=True
    )
    assert "landmark-train:" in done.stdout
