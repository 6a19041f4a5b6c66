import pytest
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

from landmark_lightning.errors import sentence


def test_a_user_s_error_is_its_own_words_on_one_line() -> None:
    assert sentence(ValueError("seed=-1\n  is wrong")) == "seed=-1 is wrong"


def test_a_launcher_that_is_not_installed_names_what_to_install() -> None:
    error = ConfigCompositionException(
        "In 'hydra/config': Could not find 'hydra/launcher/submitit_local'\n\n"
        "Available options in 'hydra/launcher':\n\tbasic\n"
    )
    assert sentence(error) == (
        "launcher=slurm needs more: pip install 'landmark-lightning[slurm]'"
    )


def test_another_error_is_named_by_its_kind() -> None:
    assert sentence(RuntimeError("CUDA out of\nmemory")) == "RuntimeError: CUDA out of memory"
    assert sentence(MemoryError()) == "MemoryError"


def test_a_missing_setting_is_put_in_words_of_the_command_line() -> None:
    config = OmegaConf.create({"dataset": {"name": "???"}})
    with pytest.raises(MissingMandatoryValue) as caught:
        OmegaConf.to_container(config, throw_on_missing=True)
    assert sentence(caught.value) == "dataset.name is not given; add dataset.name=<value>"
