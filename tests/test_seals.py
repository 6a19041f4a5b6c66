import json
import zipfile
from pathlib import Path

import pytest

from landmark_lightning.errors import UserError
from landmark_lightning.seals import check_seal, seal, sealed, unsealed


def test_json_is_read_however_it_is_laid_out() -> None:
    content = {"nme": 1.25, "by": {1: (2, None)}, "name": "é"}
    for text in (json.dumps(sealed(content)), json.dumps(sealed(content), indent=3)):
        assert unsealed(json.loads(text)) == {"nme": 1.25, "by": {"1": [2, None]}, "name": "é"}
    assert unsealed({"older": 1}) == {"older": 1}
    assert unsealed([1]) == [1]


@pytest.mark.parametrize("change", [{"nme": 1.26}, {"more": 1}, {"sha256": "0" * 64}])
def test_changed_json_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(UserError, match="does not agree with the sha256 in it"):
        unsealed(sealed({"nme": 1.25}) | change)


def test_a_file_is_what_it_was_when_it_was_sealed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"seed: 1\n")
    check_seal(path)  # of an older version
    seal(path)
    check_seal(path)
    assert path.read_bytes().startswith(b"seed: 1\n# sha256 ")
    path.write_bytes(path.read_bytes().replace(b"seed: 1", b"seed: 2"))
    with pytest.raises(UserError, match="does not agree"):
        check_seal(path)


def test_of_an_archive_it_is_the_comment(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", b"1")
    seal(path, archive=True)
    check_seal(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.comment.startswith(b"# sha256 ")
        assert archive.read("data") == b"1"


def test_an_empty_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    check_seal(tmp_path / "empty")
