"""Settings from files."""

from __future__ import annotations

import numpy as np
import pytest

from caraval.core.errors import InputError
from caraval.scanning import read_table


def test_csv(tmp_path):
    path = tmp_path / "settings.csv"
    path.write_text("q1.k1, q2.k1\n1.0,-2\n\n1.5e0, -1\n")
    table = read_table(path)
    np.testing.assert_array_equal(table["q1.k1"], [1.0, 1.5])
    np.testing.assert_array_equal(table["q2.k1"], [-2.0, -1.0])


def test_csv_of_a_spreadsheet(tmp_path):
    path = tmp_path / "settings.CSV"
    path.write_bytes("\ufeffq1.k1\r\n1\r\n".encode())
    assert list(read_table(path)) == ["q1.k1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q1.k1,q2.k1\n1,2\n1,two\n", "settings.csv:3: q2.k1 must be a number, not 'two'"),
        ("q1.k1,q2.k1\n1\n", "settings.csv:2: 1 values, but there are 2 columns"),
        ("q1.k1,q1.k1\n1,2\n", "settings.csv:1: the first line must name the columns"),
        ("", "settings.csv:1: .* not nothing"),
    ],
)  # fmt: skip
def test_csv_that_is_none(tmp_path, text, message):
    path = tmp_path / "settings.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_table(path)


def test_parquet(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "settings.parquet"
    parquet.write_table(arrow.table({"q1.k1": [1, 2]}), path)
    np.testing.assert_array_equal(read_table(path)["q1.k1"], [1.0, 2.0])
    parquet.write_table(arrow.table({"q1.k1": ["a", "b"]}), path)
    with pytest.raises(InputError, match=r"column q1.k1 must hold numbers"):
        read_table(path)
    path.write_text("no parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_table(path)


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "settings.h5"
    with h5py.File(path, "w") as file:
        file["q1.k1"] = [1, 2]
    np.testing.assert_array_equal(read_table(path)["q1.k1"], [1.0, 2.0])
    with h5py.File(path, "w") as file:
        file["q1/k1"] = [1, 2]
    with pytest.raises(InputError, match="q1 is a group"):
        read_table(path)
    path.write_text("no hdf5")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read_table(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"settings\.csv"):
        read_table(tmp_path / "settings.csv")
    (tmp_path / "settings.txt").write_text("1")
    with pytest.raises(InputError, match=r"no table can be read from settings\.txt; known are \.csv"):
        read_table(tmp_path / "settings.txt")
