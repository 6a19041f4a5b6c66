from pathlib import Path
from typing import Any

from landmark_lightning.config.limits import VARIANT
from landmark_lightning.report.columns import main_table
from landmark_lightning.runs.results import SHOWN_SETTINGS, Cell, Run
from landmark_lightning.runs.variants import Settings, variant_of, variants, varied_in


def _named(*known: Settings | None, content: str | None = "a") -> dict[str, tuple[int, ...]]:
    found = variants(known, [content] * len(known))
    return {variant.name: variant.members for variant in found}


def test_the_same_settings_are_one_without_a_name() -> None:
    settings: Settings = {"batch_size": 10, "network.width": 32, "callbacks": []}
    assert _named(settings, {**settings, "network.width": 32.0}) == {"": (0, 1)}
    assert _named(None, None) == {"": (0, 1)}
    assert variants([], []) == []


def test_numbers_stand_in_their_order_and_what_is_missing_is_said() -> None:
    known: list[Settings] = [{"network.width": width} for width in (128, 8, 16, None, "wide")]
    assert list(_named(*known, {})) == [
        "network.width=8", "network.width=16", "network.width=128", "network.width unset",
        "network.width=null", "network.width=wide",
    ]  # fmt: skip


def test_true_is_not_one() -> None:
    assert list(_named({"compile": True}, {"compile": 1})) == ["compile=true", "compile=1"]


def _phases(name: str, epochs: int, **more: Any) -> Settings:  # noqa: ANN401
    return {"phases.name": name, "phases.list.0.epochs": epochs, "phases.decay": name, **more}


def test_a_group_goes_by_its_name_and_then_by_what_tells_more() -> None:
    paper, practical, long = _phases("paper", 2000), _phases("own", 10), _phases("own", 20)
    assert list(_named(practical, paper)) == ["phases.name=own", "phases.name=paper"]
    assert list(_named(practical, long, paper)) == [
        "phases.name=own, phases.list.0.epochs=10",
        "phases.name=own, phases.list.0.epochs=20",
        "phases.name=paper, phases.list.0.epochs=2000",
    ]


def test_a_setting_of_every_group_is_named_or_else_it_is_said_that_more_differ() -> None:
    one: Settings = {"batch_size": 1, "network.width": 1, "compile": False}
    two: Settings = {"batch_size": 2, "network.width": 2, "compile": True}
    assert list(_named(one, two)) == [
        "batch_size=1, compile=false, network.width=1",
        "batch_size=2, compile=true, network.width=2",
    ]
    found = variants([{**one, "model.power": 1}, {**two, "model.power": 2}], ["a", "a"])
    assert [variant.name for variant in found] == ["batch_size=1, ...", "batch_size=2, ..."]
    assert found[0].differing == (
        "batch_size=1", "compile=false", "model.power=1", "network.width=1",
    )  # fmt: skip


def test_a_hash_is_named_where_no_setting_tells_the_data_apart() -> None:
    by_hash = variants([{}, {}, {}], ["3f2a91bc", "77aa01ee", "3f2a91bc"])
    assert [(v.name, v.members) for v in by_hash] == [
        ("data 3f2a91", (0, 2)),
        ("data 77aa01", (1,)),
    ]
    boxes: list[Settings] = [{"dataset.boxes": name} for name in ("landmarks", "provided")]
    named = variants(boxes, ["3f2a91bc", "77aa01ee"])
    assert [v.name for v in named] == ["dataset.boxes=landmarks", "dataset.boxes=provided"]
    assert named[0].differing == ("dataset.boxes=landmarks", "data 3f2a91")
    sets: list[Settings] = [{"dataset.sets": name} for name in ("12345678", "abcdefgh")]
    assert [v.name for v in variants(sets, ["a"] * 2)] == ["sets 123456", "sets abcdef"]


def test_unknown_settings_are_apart_from_known_ones() -> None:
    found = variants([None, {}, None, {}], ["a", "a", "b", "a"])
    assert [(v.name, v.members) for v in found] == [
        ("", (1, 3)),
        ("settings unknown, data a", (0,)),
        ("settings unknown, data b", (2,)),
    ]


def test_long_values_are_cut() -> None:
    (first, _) = _named({"network._target_": "x" * 99}, {"network._target_": "y"})
    assert first == f"network._target_={'x' * 37}..."


def test_the_main_table_says_in_full_what_the_names_leave_out() -> None:
    many = tuple(f"augmentation.k{k}=1" for k in range(SHOWN_SETTINGS + 5))
    cells = [
        Cell("aflw", "box", "bb", (), "network.width=8", ("network.width=8",)),
        Cell("aflw", "box", "bb", (), "augmentation.k0=1, ...", many),
        Cell("aflw", "box", "non", ()),
    ]
    (note,) = main_table(cells).notes
    assert note.startswith("bb (augmentation.k0=1, ...): augmentation.k0=1, augmentation.k1=1, ")
    assert note.endswith(f"augmentation.k{SHOWN_SETTINGS - 1}=1 and 5 more.")


def test_rows_on_other_faces_than_the_rest_are_said() -> None:
    cells = [
        Cell("aflw", "box", model, (Run(Path(model), "aflw", model, 0, "box", {"data": data}),))
        for model, data in (("non", "3f2a91bc"), ("nobb", None), ("bb", "3f2a91bc"))
    ]
    assert main_table(cells).notes == [
        "Not all are on the same faces: non, bb on data 3f2a91; nobb on data unknown."
    ]
    assert main_table([cells[0], cells[2]]).notes == []


def test_what_a_sweep_varies_is_a_name_that_can_be_read_again() -> None:
    text = variant_of({"network.width": "8", "+trainer.max_time": "1e-05", "phases": "paper"})
    assert text == "network.width=8+trainer.max_time=1e-05+phases=paper"
    assert varied_in(text) == {"network.width": 8, "trainer.max_time": 1e-05, "phases": "paper"}
    assert varied_in(None) == varied_in("b5+trial") == {}


def test_what_can_t_stand_in_a_name_is_told_apart_all_the_same() -> None:
    values = ("'runs/a'", "'runs/b'", "[0.5,1]", "[0.5,2]", "'a,b=c'", "x" * 50, "x" * 51, "1e+16")
    texts = [variant_of({"init_from": value}) for value in values]
    assert len(set(texts)) == len(values)
    for text in texts:
        assert VARIANT.holds(text)
        assert list(varied_in(text)) == ["init_from"]
    many = [variant_of({f"room.setting{k}": f"{k + n}" for k in range(9)}) for n in (0, 1)]
    assert len(set(many)) == 2
    assert all(VARIANT.holds(text) for text in many)


def test_rows_of_a_sweep_go_by_what_it_varies() -> None:
    known = [
        {"network.width": w, "phases.list.0.lr": lr, "phases.list.1.lr": lr, "batch_size": 5}
        for w in (8, 16)
        for lr in (0.001, 0.003)
    ]
    varied = [
        {"network.width": k["network.width"], "phases.lr": k["phases.list.0.lr"]} for k in known
    ]
    found = variants(known, ["a"] * 4, varied)
    assert [v.name for v in found] == [
        f"network.width={w}, phases.lr={lr}" for w in (8, 16) for lr in (0.001, 0.003)
    ]
    assert found[0].differing == ("network.width=8", "phases.lr=0.001")
    # What differs besides is named, too, and a run of no sweep goes by its settings.
    found = variants([*known, known[0] | {"batch_size": 9}], ["a"] * 5, [*varied, varied[0]])
    assert found[0].differing == ("network.width=8", "phases.lr=0.001", "batch_size=5")
    found = variants(known[:2], ["a"] * 2, [varied[0], {}])
    assert [v.name for v in found] == ["phases.list.0.lr=0.001", "phases.list.0.lr=0.003"]
