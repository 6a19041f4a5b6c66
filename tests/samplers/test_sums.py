import math
from typing import TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landmark_lightning.samplers.sums import (
    FLAT_LIMIT,
    BlockedWeights,
    FlatWeights,
    loss_proportional,
    weight_table,
)

Write: TypeAlias = list[tuple[int, int]]


def _literal(losses: list[float], u: float) -> int:
    """Eq. 1 word by word: the smallest k whose sum of losses reaches the drawn value."""
    drawn = u * math.fsum(losses)
    for k in range(len(losses)):
        if math.fsum(losses[: k + 1]) >= drawn:
            return k
    return len(losses) - 1


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any), st.data())
def test_equals_the_literal_definition(losses: list[int], data: st.DataObject) -> None:
    # Whole losses and 2^-k uniforms make every sum and product exact.
    uniforms = data.draw(st.lists(st.integers(1, 2**20), min_size=1, max_size=30))
    u = torch.tensor(uniforms, dtype=torch.float64) / 2**20
    drawn = loss_proportional(torch.tensor(losses, dtype=torch.float64), u)
    expected = [_literal([float(v) for v in losses], float(value)) for value in u]
    assert drawn.tolist() == expected


@settings(deadline=None)
@given(
    st.integers(1, 700),
    st.lists(st.lists(st.tuples(st.integers(0, 699), st.integers(0, 1000)), max_size=40)),
    st.lists(st.integers(1, 2**20), min_size=1, max_size=30),
    st.integers(0, 50),
)
def test_blocks_draw_what_the_flat_table_draws(
    size: int, writes: list[Write], uniforms: list[int], fill: int
) -> None:
    """The very same faces, where whole weights make all sums exact; unknown ones among them."""
    flat, blocks = FlatWeights(size), BlockedWeights(size, 4)
    for write in writes:
        places = np.array([place % size for place, _ in write], dtype=np.int64)
        values = np.array([value for _, value in write], dtype=np.float64)
        flat.write(places, values)
        blocks.write(places, values)
    u = torch.tensor(uniforms, dtype=torch.float64) / 2**20
    expected, drawn = flat.draw(u, float(fill)), blocks.draw(u, float(fill))
    assert (drawn is None) == (expected is None)
    assert drawn is None or drawn.tolist() == (expected.tolist() if expected is not None else [])
    assert flat.unknown == blocks.unknown == int(flat.values.isnan().sum())
    assert torch.equal(flat.filled(7.0), blocks.filled(7.0))
    assert flat.mean() == pytest.approx(blocks.mean(), nan_ok=True)
    assert flat.moments(float(fill)) == pytest.approx(blocks.moments(float(fill)))


def test_the_sums_of_blocks_follow_from_the_table_alone() -> None:
    """Bit for bit the same whether written a few at a time or all at once: a run goes on so."""
    rng = np.random.default_rng(0)
    grown, whole = BlockedWeights(30_000, 10), BlockedWeights(30_000, 10)
    for _ in range(300):
        grown.write(rng.integers(0, 30_000, 10), rng.lognormal(0, 3, 10))
    whole.replace(grown.values.clone())
    assert torch.equal(grown.sums, whole.sums)
    assert torch.equal(grown.missing, whole.missing)


def test_no_face_of_weight_zero_is_drawn_at_the_ends_of_blocks() -> None:
    rng = np.random.default_rng(1)
    blocks = BlockedWeights(5000, 1)
    values = torch.from_numpy(rng.lognormal(0, 3, 5000))
    values[torch.arange(5000) % blocks.length % 7 < 5] = 0.0
    blocks.replace(values)
    ends = blocks.sums.cumsum(0) / blocks.sums.sum()  # where rounding may pass a block's end
    u = torch.cat([ends, ends.nextafter(torch.zeros(1).double()), torch.rand(1000).double()])
    drawn = blocks.draw(u.clamp(2**-53, 1), 0.0)
    assert drawn is not None
    assert bool((values[drawn] > 0).all())


def test_many_faces_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landmark_lightning.samplers.sums.ROWS_AT_ONCE", 100)
    flat, blocks = FlatWeights(3000), BlockedWeights(3000, 10)
    values = np.random.default_rng(0).integers(0, 9, 3000).astype(np.float64)
    for table in (flat, blocks):
        table.write(np.arange(3000), values)
    assert float(blocks.sums.sum()) == values.sum()
    assert flat.moments(0.0) == pytest.approx(blocks.moments(0.0))


def test_nothing_known_has_no_mean() -> None:
    for table in (FlatWeights(5), BlockedWeights(5, 2)):
        assert math.isnan(table.mean())


def test_the_size_chooses_the_table() -> None:
    assert type(weight_table(FLAT_LIMIT, 10)) is FlatWeights
    assert type(weight_table(FLAT_LIMIT + 1, 10)) is BlockedWeights
