from __future__ import annotations

import pytest

from caraval.core.errors import UnknownNameError
from caraval.core.names import is_pattern, matches, parameter_of, select

NAMES = ["qf1", "d", "qd1", "d", "qf2", "bpm", "qf1", "b.1", "QF10"]
KINDS = ["Quadrupole", "Drift", "Quadrupole", "Drift", "Quadrupole", "Monitor", "Quadrupole", "SBend", "Sextupole"]


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("qf1", [0, 6]),
        ("d", [1, 3]),
        ("qf1##1", [0]),
        ("qf1##2", [6]),
        ("qf*", [0, 4, 6, 8]),
        ("qf?", [0, 4, 6]),
        ("qf%", [0, 4, 6]),
        ("*1", [0, 2, 6, 7]),
        ("*", list(range(9))),
        ("QF1", [0, 6]),
        ("qf10", [8]),
        ("b.1", [7]),
        ("b?1", [7]),
        ("Quadrupole::*", [0, 2, 4, 6]),
        ("quadrupole::q*1", [0, 2, 6]),
        ("Sext*::qf*", [8]),
        ("Quadrupole::qf1##2", [6]),
        ("qf*##3", [6]),
    ],
)
def test_select(pattern, places):
    assert select(pattern, NAMES, KINDS) == places


def test_a_dot_is_a_dot():
    with pytest.raises(UnknownNameError):
        select("b.1", ["bx1"], ["SBend"])


def test_a_name_as_written_goes_before_names_in_other_case():
    assert select("Q", ["q", "Q", "q"], ["Drift"] * 3) == [1]


def test_a_name_with_a_star_in_it_goes_before_the_pattern():
    assert select("q*", ["q1", "q*", "q2"], ["Drift"] * 3) == [1]


@pytest.mark.parametrize("pattern", ["qf3", "Drift::q*", "x*", "", "::d1"])
def test_unknown_names_are_errors(pattern):
    with pytest.raises(UnknownNameError, match="no element"):
        select(pattern, NAMES, KINDS)


def test_unknown_names_come_with_a_suggestion():
    with pytest.raises(UnknownNameError, match=r"no element 'qd11' in the lattice; did you mean 'qd1'\?"):
        select("qd11", NAMES, KINDS)


@pytest.mark.parametrize("occurrence", ["0", "3", "-1", "two"])
def test_occurrences_that_are_not_there_are_errors(occurrence):
    with pytest.raises(UnknownNameError, match=r"'qf1' occurs 2 times, so ##1 to ##2 exist"):
        select(f"qf1##{occurrence}", NAMES, KINDS)


def test_matches_takes_the_whole_name():
    assert matches("q1", "Q1")
    assert not matches("q", "q1")
    assert not matches("1", "q1")


@pytest.mark.parametrize(("name", "expected"), [("q1", False), ("q*", True), ("q?", True), ("q%", True), ("q1##2", False)])
def test_is_pattern(name, expected):
    assert is_pattern(name) is expected


@pytest.mark.parametrize(
    ("key", "parts"),
    [("q1.k1", ("q1", "k1")), ("q1##2.k1", ("q1##2", "k1")), ("b.1.angle", ("b.1", "angle")), ("q*.k1", ("q*", "k1"))],
)
def test_parameter_of(key, parts):
    assert parameter_of(key) == parts


@pytest.mark.parametrize("key", ["q1", "q1.", ".k1", "", "."])
def test_keys_without_parameter_are_errors(key):
    with pytest.raises(UnknownNameError, match=r'write "element\.parameter"'):
        parameter_of(key)
