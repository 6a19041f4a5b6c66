import doctest
from types import ModuleType

import pytest
import torch

from landmark_lightning.metrics import coverage, discarding, nme, offset, signal, validation


@pytest.mark.parametrize("module", [coverage, discarding, nme, offset, signal, validation])
def test_the_examples_of_the_docstrings_run(module: ModuleType) -> None:
    results = doctest.testmod(module, extraglobs={"torch": torch})
    assert results.attempted > 0
    assert results.failed == 0
