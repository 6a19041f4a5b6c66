import pytest

from tests.faults import share as module
from tests.faults.share import share


def test_a_larger_share_holds_a_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    for part in (0.02, 0.1, 1):
        monkeypatch.setattr(module, "SHARE", part)
        tried.append(share(range(200)))
    assert [len(attacks) for attacks in tried] == [4, 20, 200]
    assert set(tried[0]) < set(tried[1]) < set(tried[2])
    assert tried[1] == sorted(tried[1])


def test_few_attacks_are_tried_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARE", 0.02)
    assert len(share(["a", "b", "c"])) == 1
    assert share(["a", "b", "c"], least=3) == ["a", "b", "c"]
