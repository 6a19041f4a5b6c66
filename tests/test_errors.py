import pytest
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

from landmark_lightning.errors import UserError, did_you_mean, no_setting, sentence


def test_a_user_s_error_is_its_own_words_on_one_line() -> None:
    assert sentence(UserError("seed=-1\n  is wrong")) == "seed=-1 is wrong"


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
    assert sentence(ValueError("shapes differ")) == "ValueError: shapes differ"


def test_a_missing_setting_is_put_in_words_of_the_command_line() -> None:
    config = OmegaConf.create({"dataset": {"name": "???"}})
    with pytest.raises(MissingMandatoryValue) as caught:
        OmegaConf.to_container(config, throw_on_missing=True)
    assert sentence(caught.value) == "dataset.name is not given; add dataset.name=<value>"


def test_the_nearest_choice_is_named() -> None:
    assert did_you_mean("cosin", ("constant", "cosine")) == "; did you mean cosine"
    assert did_you_mean("BB", ("bb", "bbo")) == "; did you mean bb"
    assert did_you_mean("xyz", ("constant", "cosine")) == ""
    assert did_you_mean("cosine", ("constant", "cosine")) == ""


def test_the_nearest_setting_is_that_of_the_room_else_one_like_it() -> None:
    known = ["model.name", "dataset.name", "workers", "phases.lr"]
    for key, near in (
        ("model.nam", "model.name"), ("modl.name", "model.name"), ("data.workers", "workers"),
        ("lr", "phases.lr"),
    ):  # fmt: skip
        assert no_setting(key, known).endswith(f"did you mean {near}")
    assert no_setting("x", known).endswith("--cfg job lists all of them")
