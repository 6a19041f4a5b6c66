import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.data.balancing import LossBalancer
from landmark_lightning.data.datamodule import FaceDataModule, ResidentFaces, hold_out
from landmark_lightning.data.facefile import FaceFile
from landmark_lightning.data.sampling import BatchSampler


@given(
    st.lists(st.sampled_from(["", "a", "b", "c", "d", "e"]), min_size=12, max_size=60),
    st.floats(0.05, 0.5),
    st.integers(0, 5),
)
def test_groups_stay_together(group: list[str], share: float, seed: int) -> None:
    try:
        kept, held = hold_out(group, share, seed)
    except ValueError:
        return  # a few large groups can't always be divided
    assert sorted([*kept, *held]) == list(range(len(group)))
    assert not {group[i] for i in kept if group[i]} & {group[i] for i in held if group[i]}


def test_the_share_is_met_and_the_seed_decides() -> None:
    group = [f"p{i // 3}" for i in range(300)]
    _, held = hold_out(group, 0.1, 0)
    assert len(held) == 30
    assert held.tolist() == hold_out(group, 0.1, 0)[1].tolist()
    assert held.tolist() != hold_out(group, 0.1, 1)[1].tolist()


@pytest.mark.parametrize("share", [0, 1, -0.5, "half", True])
def test_a_wrong_share_is_named(share: object) -> None:
    with pytest.raises(ValueError, match=r"data\.validation="):
        hold_out(["a", "b"], share, 0)  # type: ignore[arg-type]


def test_one_group_cannot_be_divided() -> None:
    with pytest.raises(ValueError, match="1 groups of 4 training faces"):
        hold_out(["a"] * 4, 0.1, 0)


def test_a_batch_by_index(dots: FaceFile) -> None:
    split = dots.read("train")
    faces = ResidentFaces(split)
    batch = faces[torch.tensor([3, 3, 7])]
    assert batch["image"].shape == (3, 1, 64, 64)
    assert batch["image"].dtype == torch.uint8
    assert batch["landmarks"].shape == (3, 5, 2)
    assert batch["normalizer"].shape == (3, 2)
    assert batch["subsets"].dtype == torch.bool
    assert batch["index"].tolist() == [3, 3, 7]
    assert torch.equal(batch["image"][0, 0], torch.from_numpy(split.images[3]))


def test_splits(dots: FaceFile) -> None:
    module = FaceDataModule(dots, batch_size=8, validation=0.2, eval_batch_size=5)
    assert len(module.train_faces) + len(module.val_faces) == 60
    assert len(module.val_faces) == 12
    assert not set(module.train_faces.photo) & set(module.val_faces.photo)
    loader = module.val_dataloader()
    assert [len(batch["index"]) for batch in loader] == [5, 5, 2]
    assert sum(len(batch["index"]) for batch in module.train_dataloader()) == 48


def test_the_seed_changes_the_draws_but_not_the_validation_faces(dots: FaceFile) -> None:
    first, second = (FaceDataModule(dots, seed=seed) for seed in (0, 1))
    assert first.val_faces.photo == second.val_faces.photo
    drawn = [torch.cat([b["index"] for b in m.train_dataloader()]) for m in (first, second)]
    assert not torch.equal(*drawn)


def test_the_loader_obeys_an_update_at_once(dots: FaceFile) -> None:
    module = FaceDataModule(dots, batch_size=8, balancing={"refresh": "online"})
    batches = iter(module.train_dataloader())
    next(batches)
    losses = torch.zeros(len(module.train_faces))
    losses[5] = 1.0
    module.balancer.update(torch.arange(len(losses)), losses)
    assert set(next(batches)["index"].tolist()) == {5}


def test_balancing_chooses_the_sampler(dots: FaceFile) -> None:
    even = FaceDataModule(dots, balancing={"refresh": "none"})
    assert type(even.sampler) is BatchSampler
    with pytest.raises(ValueError, match="draws evenly"):
        _ = even.balancer
    knobs = {"refresh": "rescore", "power": 0.5, "every": 0.1, "fraction": 1.0, "score": "total"}
    weighted = FaceDataModule(dots, balancing=knobs)
    assert isinstance(weighted.sampler, LossBalancer)
    assert weighted.balancer.power == 0.5
    with pytest.raises(ValueError, match=r"balancing\.refresh='always'"):
        FaceDataModule(dots, balancing={"refresh": "always"})


def test_the_state_travels(dots: FaceFile) -> None:
    module = FaceDataModule(dots, balancing={"refresh": "online"})
    module.balancer.update(torch.tensor([3]), torch.tensor([9.0]))
    other = FaceDataModule(dots, balancing={"refresh": "online"})
    other.load_state_dict(module.state_dict())
    assert torch.equal(other.balancer.losses, module.balancer.losses)
