from pathlib import Path

import numpy as np
from scipy.io import loadmat

from landmark_lightning.datasets.synthetic.trees.matlab import write_mat


def test_a_file_is_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    names = np.array([["a/1.jpg"], ["b/22.jpg"]], dtype=object)
    content = {"names": names, "ra": np.array([[2.0, 1.0]])}
    write_mat(tmp_path / "a.mat", content)
    write_mat(tmp_path / "b.mat", content)
    written = (tmp_path / "a.mat").read_bytes()
    assert written == (tmp_path / "b.mat").read_bytes()
    assert written.startswith(b"MATLAB 5.0 MAT-file")
    assert b"2015" in written[:116]
    read = loadmat(tmp_path / "a.mat")
    assert read["names"][1, 0][0] == "b/22.jpg"
    np.testing.assert_array_equal(read["ra"], [[2, 1]])
