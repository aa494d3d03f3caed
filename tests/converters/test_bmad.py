"""The language of Bmad's lattice files: statements, expressions, beamlines, files."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import caraval as cv
from caraval.converters.bmad import recognises

Load = Callable[..., cv.Lattice]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text as a file; other files are given as ``name=text`` and lie beside it."""

    def load(text: str, *, line: str | None = None, branch: str | int | None = None, **files: str) -> cv.Lattice:
        for name, content in files.items():
            path = tmp_path / (name.replace("__", "/") + ".bmad")
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        path = tmp_path / "lattice.bmad"
        path.write_text(text)
        return cv.load(path, format="bmad", line=line, branch=branch)

    return load


@pytest.fixture
def value(load: Load) -> Callable[..., float]:
    """Work an expression out, perhaps after other statements."""

    def value(expression: str, before: str = "") -> float:
        return load(f"{before}\nd: drift, l = {expression}\nl: line = (d)\nuse, l\n")["d"].length

    return value


def names(lattice: cv.Lattice) -> str:
    """Names of the elements, without the marker at the end."""
    assert lattice.names[-1] == "end"
    return " ".join(lattice.names[:-1])


# -------------------------------------------------------------------- text


def test_a_whole_file(load: Load) -> None:
    lattice = load("""
        ! a line
        parameter[lattice]  = "a test"      ! with a comment
        parameter[particle] = electron
        beginning[e_tot] = 135e6; beginning[beta_a] = 8
        D: drift, L = 0.5
        Q1: Quadrupole, l = 0.1, k1 = 3.0, type = "A b!c", alias = 'q_f'
        LINE1: line = (D, Q1, D)
        use, LINE1
        """)
    assert names(lattice) == "d q1 d"
    assert lattice.kinds == ["Drift", "Quadrupole", "Drift", "Marker"]
    assert lattice.name == "line1"
    assert lattice.reference == cv.Reference.from_energy("electron", 135e6)
    assert lattice["q1"].k1 == 3.0
    assert lattice["q1"].metadata == {"type": "A b!c", "alias": "q_f"}
    assert lattice.beginning == {"beta_a": 8.0}


def test_lines_go_on(load: Load) -> None:
    lattice = load("""
        q: quadrupole, &
             l = 0.1,   ! after a comma, and an ampersand

             ! a whole line of comment
             k1
               =
                 2 &  ! more
                 + 3
             , tilt = 0.1
        l: line = (
             q,
             q
           )
        use, l
        """)
    assert names(lattice) == "q q"
    assert (lattice["q"].length, lattice["q"].k1, lattice["q"].tilt) == (0.1, 5.0, 0.1)


def test_several_statements_in_a_line_and_stray_characters(load: Load) -> None:
    lattice = load("d: drift, l = 1; ; l: line = (d);use, l ;\u00a0\nparameter[geometry] = open \u0437! or closed")
    assert names(lattice) == "d"
    assert lattice.geometry == "open"


@pytest.mark.parametrize("end", ["end_file", "return", "END_FILE ! really", "end_file\n\nl: line = ((((", "return \"'{"])
def test_nothing_counts_after_the_end(load: Load, end: str) -> None:
    assert names(load(f"d: drift\nl: line = (d)\nuse, l\n{end}\n")) == "d"


def test_commands_about_programs_are_passed_over(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="caraval")
    lattice = load("""
        no_digested
        parser_debug var lat ele 34 78
        title, "one line"
        title   ! a comment
          "the next line, with = and ("
        print Remember! q1 is {not} optimized
        debug_marker
        write_digested
        calc_reference_orbit
        title_of_it = 0.5
        return.it := title_of_it
        print_it = return.it
        d: drift, l = print_it
        l: line = (d)
        use, l
        """)
    assert lattice["d"].length == 0.5
    assert "Remember! q1 is {not} optimized" in caplog.text


# -------------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2*3", 7),
        ("-2^2 + 5", 1),
        ("2 ^ -1", 0.5),
        ("3 - -4", 7),
        ("12 / 2 / 3", 2),
        ("2 * (1 + (2 - 3) * (4))", -6),
        ("1.5e1", 15),
        ("2d0 + .5D1", 7),
        ("314.159E-2", 3.14159),
        ("-a^2 * exp(log(2)) + 6", 5.875),
        ("sqrt(2) - sqrt_2", 0),
        ("atan2(1, -1) / pi", 0.75),
        ("atan(1) * 4 - pi", 0),
        ("sinc(0) + sinc(pi/2) * pi", 3),
        ("modulo(-1, 4)", 3),
        ("factorial(5)", 120),
        ("int(-2.7)", -2),
        ("nint(2.5) + nint(-2.5) + nint(0.4)", 0),
        ("floor(-2.1) + ceiling(-2.9)", -5),
        ("sign(-3) + sign(0) + sign(7)", 0),
        ("abs(-3) * cosh(0)", 3),
        ("cot(pi/4) + coth(1) * tanh(1) + acoth(2) - atanh(0.5)", 2),
        ("180 * degrees - degrad * raddeg * pi", 0),
        ("twopi - fourpi / 2", 0),
        ("e - e_log", 0),
        ("m_electron / mass_of(electron)", 1),
        ("emass * 1e9 / mass_of(positron)", 1),
        ("charge_of(antiproton) + charge_of(p+)", 0),
        ("c_light / 299792458", 1),
        ("h_planck / h_bar_planck / twopi", 1),
        ("anomalous_moment_of(muon) / anom_moment_muon", 1),
    ],
)
def test_expressions(value: Callable[..., float], expression: str, expected: float) -> None:
    assert value(expression, "a = 0.25") == pytest.approx(expected, abs=1e-14)


def test_constants(value: Callable[..., float]) -> None:
    assert value("b", "a = 2\nA_2 := a * 3 ; b = a_2 / 4") == 1.5
    assert value("a", "a = 2\na = 4/2") == 2.0, "the same again is no change"
    assert value("a", "a = 2\nredef: a = 3") == 3.0
    assert value("abs(abs)", "abs = -0.6") == 0.6, "functions and constants do not share their names"
    assert value("mass_of(p) / m_proton", "p = species(proton)") == 1.0
    assert value("charge_of(species(muon))") == -1.0
    assert value("nowhere", "undefined_vars_evaluate_to_zero") == 0.0


def test_attributes_in_expressions(value: Callable[..., float]) -> None:
    assert value("q[k1] + q[l] * 2 + q[tilt]", "q: quadrupole, l = 0.5, k1 = 3") == 4.0
    assert value("q[k1]", "q: quad, k1 = 2; r: q; q[k1] = 5") == 5.0
    assert value("r[k1]", "q: quad, k1 = 2; r: q; q[k1] = 5") == 2.0, "inheritance copies"
    assert value("r[k2]", "s: sextupole, l = 0.3; r: s, k2 = 10 * s[l]") == 3.0
    assert value("beginning[e_tot] / 1e9", "parameter[e_tot] = 5e9") == 5.0
    assert value("beginning[p0c] / m_electron", "parameter[particle] = electron; beginning[e_tot] = sqrt(2) * m_electron") == (
        pytest.approx(1.0)
    )
    assert value("parameter[p0c] / 1e9", "beginning[p0c] = 5e9") == 0.0, "what is said of the beginning is not said of all"
    assert value("beginning[p0c] / 1e9", "parameter[p0c] = 5e9; beginning[p0c] = 3e9") == 3.0
    assert value("beam[energy]", "beam, energy = 5.3") == 5.3
    assert value("particle_start[x]", "beam_start[x] = 0.25") == 0.25
    assert value("k[beta_a]", "k: line = (d); k[beta_a] = 7") == 7.0
    assert value("q[x1_limit]", "q: quad, aperture = 0.25") == 0.25


# -------------------------------------------------------------------- elements


def test_inheritance_and_abbreviated_classes(load: Load) -> None:
    lattice = load("""
        q1: quad, l = 0.2, k1 = 1
        q2: q1, k1 = 3
        quad: sext, l = 0.3      ! an element, from here on
        q3: quad
        q4: qua
        m: mark
        b: moni
        l: line = (q1, q2, q3, q4, m, b)
        use, l
        """)
    assert lattice.kinds[:-1] == ["Quadrupole", "Quadrupole", "Sextupole", "Quadrupole", "Marker", "Monitor"]
    assert (lattice["q2"].length, lattice["q2"].k1) == (0.2, 3.0)


def test_setting_attributes(load: Load) -> None:
    lattice = load("""
        qa: quadrupole, l = 1; qb: qa; s: sextupole, l = 1; m: marker; b1: sbend, l = 1, angle = 0.1, e1 = 0.1; d: drift
        qa[k1] = 1
        Q*[y_offset] = 1e-4
        quadrupole::*[x_offset] = 2e-4
        sextupole[k2] = 5             ! a class alone
        *[e1] = 0.02                  ! for those that have it
        q%[k1] = %[k1] + 0.5
        *::*b[tilt] = 0.3
        alias::* [k1] = 7             ! none has an alias
        zz*[k1] = 7
        later: quadrupole
        l: line = (qa, qb, s, b1, later)
        use, l
        """)
    assert [lattice[name].k1 for name in ("qa", "qb", "later")] == [1.5, 0.5, 0.0]
    assert [lattice[name].y_offset for name in ("qa", "s")] == [1e-4, 0.0]
    assert [lattice[name].x_offset for name in ("qa", "qb", "s", "later")] == [2e-4, 2e-4, 0.0, 0.0]
    assert lattice["s"].k2 == 5.0
    assert lattice["b1"].e1 == 0.02
    assert [lattice[name].tilt for name in ("qa", "qb")] == [0.0, 0.3]


def test_attributes_of_what_is_being_defined(load: Load) -> None:
    """Those that stand before; the others are what they are by default."""
    lattice = load("sa: sextupole, l = 0.5, k2 = 4 * sa[l]; sb: sextupole, k2 = sb[l], l = 1\nl: line = (sa, sb)\nuse, l")
    assert [lattice[name].k2 for name in ("sa", "sb")] == [2.0, 0.0]


@pytest.mark.parametrize("target", ['type::"Det BPM*"', "type::'det bpm 1'", "quad::qb, type::'*1'"])
def test_text_that_selects_elements(load: Load, target: str) -> None:
    first = "expand_lattice\n" if "," in target else ""
    lattice = load(f"""
        qa: quadrupole, type = "det bpm 1"; qb: quadrupole, type = other; l: line = (qa, qb); use, l
        {first}{target}[k1] = 3""")
    assert [lattice[name].k1 for name in ("qa", "qb")] == [3.0, 3.0 if "," in target else 0.0]


@pytest.mark.parametrize(
    ("method", "found"),
    [
        ("runge_kutta", ["runge_kutta", "None", "None", "runge_kutta"]),
        ("linear", ["linear", "linear", "linear", "None"]),
        ("symp_lie_bmad", ["kick_drift_kick(split='matrix')", "None", "None", "None"]),
    ],
)
def test_methods_of_many_elements_are_for_those_that_have_them(load: Load, method: str, found: list[str]) -> None:
    lattice = load(f"""
        q: quadrupole, l = 1; m: marker; t: multipole; p: patch; l: line = (q, m, t, p); use, l
        *[tracking_method] = {method}""")
    assert [str(lattice[name].tracking_method) for name in "qmtp"] == found


def test_classes_that_are_not_there_may_be_defined_but_not_used(load: Load) -> None:
    text = """
        w: capillary, n_slice_spline = 0.1, whatever = {a = 3, {b}}, n_pole
        f: feedback, input_ele = {bpm1, bpm2}, output_ele = rfcavity::*
        w[critical_angle_factor] = 2 * 0.5
        x: w, kx = w[critical_angle_factor]
        t: crystal, psi_angle = 2
        d: drift, l = x[kx]
        l: line = (d); k: line = (d, t)
        use, l
        """
    assert load(text)["d"].length == 1.0
    with pytest.raises(
        cv.core.errors.LatticeError, match=r"lattice\.bmad:6:9: crystal 't': .* no elements of class 'crystal' yet"
    ):
        load(text, line="k")


def test_custom_attributes(load: Load) -> None:
    lattice = load("""
        parameter[custom_attribute1] = quadrupole::rms_error
        parameter[custom_attribute2] = parameter::cost
        parameter[cost] = 14e7
        q: quadrupole, l = 1, rms_error = 0.5, r_custom(-2,1) = 3
        d: drift, l = parameter[cost] / 14e7
        l: line = (q, d)
        use, l
        """)
    assert lattice["q"].metadata == {"rms_error": 0.5, "r_custom(-2,1)": 3.0}
    assert lattice["d"].length == 1.0


# -------------------------------------------------------------------- beamlines

ELEMENTS = "a: marker; b: marker; c: marker; y: marker; z: marker; n: null_ele\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("l: line = (a, b, c)", "a b c"),
        ("l: line = (y, k, z); k: line = (a, b)", "y a b z"),
        ("l: line = (y, -k, z); k: line = (a, b, c)", "y c b a z"),
        ("l: line = (c, -k); k: line = (m, a, b); m: line = (y, z)", "c b a z y"),
        ("l: line = (-k); k: line = (m, -m, a); m: line = (y, z)", "a y z z y"),
        ("l: line = (y, 2*k, z); k: line = (a, b)", "y a b a b z"),
        ("l: line = (y, -2*k, z); k: line = (a, b, c)", "y c b a c b a z"),
        ("l: line = (y, -2*(a, 2*b, -(c, z)))", "y c z b b a c z b b a"),
        ("l: line = (3*a, 0*b, (c))", "a a a c"),
        ("l: line = (a, n, b)", "a b"),
        ("l: line = (h(y, z), h(z, y)); h(p, q): line = (a, q, b, p)", "a z b y a y b z"),
        ("l: line = (h(k)); k: line = (a, b); h(p): line = (g(p), -p); g(q): line = (y, q)", "y a b b a"),
        ("l: line = (z, r, z, r, z, r, z, r); r: list = (a, 2*b)", "z a z b z b z a"),
        ("l: line = (3*r); r: list = (a, b)", "a b a"),
        ("l: line = (t1@k, t2@k); k: line = (a, b)", "t1.a t1.b t2.a t2.b"),
        ("l: line = (u@k); k: line = (t@m, c); m: line = (a, v@r); r: list = (b, y)", "u.t.a u.t.v.b u.c"),
    ],
)  # fmt: skip
def test_beamlines(load: Load, lines: str, expected: str) -> None:
    assert names(load(f"{ELEMENTS}use, l\n{lines}\n")) == expected


def test_an_element_that_occurs_often_is_one_object(load: Load) -> None:
    lattice = load("q: quadrupole, l = 1\nl: line = (1000*(q, q))\nuse, l")
    assert len(lattice) == 2001
    assert len({id(element) for element in lattice.elements}) == 2


def test_the_marker_at_the_end(load: Load) -> None:
    text = "d: drift\nl: line = (d)\nuse, l\n"
    assert load(text).names == ["d", "end"]
    assert load(text + "parameter[no_end_marker] = T").names == ["d"]
    assert load("end: marker, type = mine\nd: drift\nl: line = (d, end)\nuse, l\n").names == ["d", "end"]
    assert load("end: marker, type = mine\n" + text)["end"].metadata == {"type": "mine"}


def test_the_last_use_counts_and_another_line_can_be_taken(load: Load) -> None:
    text = "use, k\nd: drift; q: quadrupole\nk: line = (d); l: line = (q)\nuse, l\n"
    assert names(load(text)) == "q"
    assert names(load(text, line="K")) == "d"


BRANCHES = """
    parameter[particle] = electron
    parameter[e_tot] = 1e9
    parameter[geometry] = open
    beginning[beta_a] = 3
    d: drift; q: quadrupole; m: mirror
    k: line = (d); l: line = (q); x: line = (--m)
    use, k, l, x
    l[beta_a] = 5
    l[e_tot] = 2e9
"""


def test_branches(load: Load) -> None:
    first, second = load(BRANCHES), load(BRANCHES, branch="L")
    assert (first.name, second.name) == ("k", "l")
    assert (first.geometry, second.geometry) == ("open", "closed"), "a geometry is of the first branch"
    assert (first.reference.energy, second.reference.energy) == pytest.approx((1e9, 2e9))
    assert second.reference.species.name == "electron", "a species is of all branches"
    assert (first.beginning, second.beginning) == ({"beta_a": 3.0}, {"beta_a": 5.0})
    assert load(BRANCHES, branch=1) == second
    with pytest.raises(cv.core.errors.UnknownNameError, match=r"no branch 'lx'.*there are 0: 'k', 1: 'l', 2: 'x'"):
        load(BRANCHES, branch="lx")
    with pytest.raises(cv.core.errors.UnknownNameError, match="no branch 3"):
        load(BRANCHES, branch=3)


def test_expanded_lattices(load: Load) -> None:
    lattice = load("""
        q: quadrupole, l = 1, k1 = 1; b: sbend, l = 1, angle = 0.1
        k: line = (q, q, t@j); j: line = (q); i: line = (q)
        use, k, i
        expand_lattice
        q##2[k1] = 2
        t.q[k1] = %[k1] + 2
        k>>q##1[type] = first
        expand_lattice
        i>>q[k1] = 9
        quad::*[x_offset] = q##2[k1]
        """)
    assert [element.k1 for element in lattice.elements[:3]] == [1.0, 2.0, 3.0]
    assert [element.metadata for element in lattice.elements[:3]] == [{"type": "first"}, {}, {}]
    assert [element.x_offset for element in lattice.elements[:3]] == [2.0, 2.0, 2.0]


# -------------------------------------------------------------------- the lattice as a whole


def test_reference(load: Load) -> None:
    line = "\nd: drift\nl: line = (d)\nuse, l\n"
    assert load(line).reference.species.name == "positron"
    assert load(line).reference.gamma == pytest.approx(1000), "Bmad's energy where the file says none"
    assert load("beginning[p0c] = 2e9\nparameter[particle] = PROTON" + line).reference == cv.Reference("proton", 2e9)
    assert load("parameter[e_tot] = 7e9; beginning[p0c] = 2e9" + line).reference.p0c == 2e9  # the last counts
    assert load(line + "l[e_tot] = 7e9; l[p0c] = 2e9").reference.p0c == 2e9
    assert load("parameter, particle = muon, p0c = 1e9" + line).reference == cv.Reference("muon", 1e9)
    assert load("beam, energy = 2, particle = electron" + line).reference == cv.Reference.from_energy("electron", 2e9)
    reference = load("beginning[s] = 3; beginning[ref_time] = 1e-9; parameter[p0c] = 1e9" + line).reference
    assert (reference.s, reference.t) == (3.0, 1e-9)


def test_parameters_with_several_numbers(load: Load) -> None:
    lattice = load("space_charge_com[space_charge_mesh_size] = (4, 2*4, 16)\nd: drift\nl: line = (d)\nuse, l\n")
    assert lattice.metadata["space_charge_com"] == {"space_charge_mesh_size": "(4, 8, 16)"}


def test_terms_over_several_lines(load: Load) -> None:
    lattice = load("t: taylor, {1: 0.25, &\n  0 1 0 0 0 0}\nl: line = (t)\nuse, l\n")
    assert lattice["t"].terms == {"tt12": 0.25}


def test_geometry(load: Load) -> None:
    line = "\nd: drift\nc: lcavity, l = 1\nl: line = (d)\nk: line = (c)\nuse, l\n"
    assert load(line).geometry == "closed"
    assert load(line, line="k").geometry == "open", "a line that accelerates"
    assert load("parameter[geometry] = open" + line).geometry == "open"
    assert load("parameter[lattice_type] = circular_lattice" + line, line="k").geometry == "closed"


def test_beginning(load: Load) -> None:
    lattice = load("""
        beginning[beta_a] = 10; beginning[eta_x] = -0.1; beginning[theta_position] = pi; beginning[s] = 4
        beginning[mode_flip] = F
        particle_start[x] = 1e-3
        ptc_com[exact_model] = T; space_charge_com[n_bin] = 40; bmad_com[spin_tracking_on] = T
        *[beta_b] = 20
        d: drift
        l: line = (d)
        *[alpha_a] = 2
        use, l
        """)
    assert lattice.beginning == {"beta_a": 10.0, "eta_x": -0.1, "theta_position": math.pi, "mode_flip": False, "alpha_a": 2.0}


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [("bmad_com", "radiation_fluctuations_on", True), ("parameter", "default_tracking_species", "anti_ref_particle")],
)
def test_what_is_not_tracked_is_mentioned(load: Load, group: str, name: str, value: object) -> None:
    said = "T" if value is True else value
    (loss,) = load(f"{group}[{name}] = {said}\nd: drift\nl: line = (d)\nuse, l").losses
    assert (loss.element, loss.attribute, loss.value, loss.is_physics) == (group, name, value, False)


# -------------------------------------------------------------------- files


def test_calls(load: Load) -> None:
    lattice = load(
        "call, file = parts/elements.bmad\nk1 = 2\ncall, filename = 'parts/settings.bmad' ! more\nuse, l\n",
        parts__elements="call, file = more.bmad\nl: line = (q, d)\nend_file\nuse, nothing",
        parts__more="q: quadrupole, l = 1\nd: drift",
        parts__settings="q[k1] = k1",
    )
    assert names(lattice) == "q d"
    assert lattice["q"].k1 == 2.0


def test_calls_of_files_that_may_be_missing(load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARAVAL_TEST_FOLDER", str(tmp_path))
    lattice = load(
        """
        call, no_abort_on_open_error, file = nowhere.bmad
        setenv PART = elements     ! of the name
        call, file = $CARAVAL_TEST_FOLDER/${PART}.bmad
        call, file = $LATTICE_ROOT_DIR/again.bmad
        use, l
        """,
        elements="d: drift\nl: line = (d)",
        again="d[l] = 2",
    )
    assert lattice.length == 2.0


def test_files_around_where_a_variable_is_not_set(tmp_path: Path) -> None:
    """Whoever gets the files of a machine has not set where they are."""
    (tmp_path / "machine" / "models").mkdir(parents=True)
    (tmp_path / "machine" / "parts").mkdir()
    (tmp_path / "machine" / "parts" / "d.bmad").write_text("d: drift, l = 2\nl: line = (d)")
    for name in ("machine/parts/d.bmad", "bmad/parts/d.bmad"):  # and the outermost folder may have another name
        path = tmp_path / "machine" / "models" / "a.bmad"
        path.write_text(f"call, file = $NO_SUCH_FOLDER/{name}\nuse, l")
        lattice = cv.load(path)
        assert lattice.length == 2.0
        assert [loss.value for loss in lattice.losses] == [f"$NO_SUCH_FOLDER/{name}"]
        assert "as NO_SUCH_FOLDER is not set" in lattice.losses[0].instead
    path.write_text("call, file = $NO_SUCH_FOLDER/../parts/d.bmad\nuse, l")
    with pytest.raises(cv.LatticeError, match=r"NO_SUCH_FOLDER .* is not set"):
        cv.load(path)


# -------------------------------------------------------------------- plugins and formats


class PlasmaLens(cv.Element):
    """A kind that a plugin brings."""

    k1l: cv.Parameter = 0.0
    radius: cv.Parameter = 1e-3


class _Plugin:
    @staticmethod
    @cv.hookimpl
    def register_tracking_methods() -> dict[tuple[type[cv.Element], str], object]:
        return {(PlasmaLens, "linear"): lambda lens, reference_in, reference_out, xp: cv.LinearMap.identity(xp)}


def test_kinds_of_plugins(load: Load) -> None:
    text = "p: plasma_lens, k1l = 2, radius = 2e-3, type = lens\nq: plasmalens, l = 1\nl: line = (p, q)\nuse, l"
    with pytest.raises(cv.core.errors.LatticeError, match="there is no element class or element 'plasma_lens'"):
        load(text)
    cv.core.registry.register_plugin(_Plugin, "plasma-lens-test")
    try:
        lattice = load(text)
    finally:
        cv.core.registry.unregister_plugin("plasma-lens-test")
    assert lattice["p"] == PlasmaLens(name="p", k1l=2.0, radius=2e-3, metadata={"type": "lens"})
    assert lattice["q"].length == 1.0


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("! only a comment, so far\n", True),
        ("parameter[e_tot] = 1e9\n", True),
        ("no_digested\n\n", True),
        ("Q1: quadrupole, l = 1; Q2: Q1\n", True),
        ("ring: line = (a, b)\n", True),
        ("call, file = other.bmad\n", True),
        ("kf = 1.1\nkd := -1.1\n", True),
        ("q1: quadrupole, l := 0.3;\nbeam, particle = electron;\n", False),
        ('{"elements": []}', False),
        ("PALS:\n  - kind: Drift\n    length: 1\n", False),
        ("&INPUT\n a = 3\n/\n", False),
        ("", False),
    ],
)
def test_recognition(head: str, expected: bool) -> None:
    assert bool(recognises(head)) is expected


def test_the_parser_is_loaded_when_it_is_needed() -> None:
    program = "import sys, caraval; caraval.core.registry.registry(); sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_format_is_found_by_suffix_and_content(tmp_path: Path) -> None:
    for suffix in (".bmad", ".lat", ".bmd", ""):
        path = tmp_path / f"line{suffix}"
        path.write_text("parameter[p0c] = 1e9\nd: drift, l = 1\nl: line = (d)\nuse, l\n")
        assert cv.load(path).length == 1.0


def test_files_of_the_working_directory_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bmad manual, "Use_local_lat_file Statement"."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, length in ((here, 1), (there, 2)):
        folder.mkdir()
        (folder / "sub.bmad").write_text(f"d: drift, l = {length}; k: line = (d); use, k")
    (there / "main.bmad").write_text("call, file = sub.bmad")
    (there / "local.bmad").write_text("use_local_lat_file\ncall, file = sub.bmad")
    monkeypatch.chdir(here)
    assert [cv.load(there / name)["d"].length for name in ("main.bmad", "local.bmad")] == [2.0, 1.0]


def test_attributes_from_a_file(tmp_path: Path) -> None:
    """Bmad manual, "Inline Call"."""
    path = tmp_path / "lattice.bmad"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "strength.bmad").write_text("k1 = 0.3 ! in the middle\n, tilt = 2 * 0.1, call::more.bmad")
    (tmp_path / "parts" / "more.bmad").write_text("\nhkick = 1e-3\n")
    path.write_text("q: quadrupole, l = 0.5, call::parts/strength.bmad, vkick = 2e-3\nk: line = (q); use, k")
    q = cv.load(path)["q"]
    assert (q.length, q.k1, q.tilt, q.hkick, q.vkick) == (0.5, 0.3, 0.2, 1e-3, 2e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k1 = 0.3, kk = 2", r"sub\.bmad:1:11: quadrupole 'q' has no attribute 'kk'"),
        ("\nk1 = = 2", r"sub\.bmad:2:6: unexpected '='"),
        ("k1 = 2\nd: drift", r"sub\.bmad:1:1: a file that is called inline has the attributes of one element"),
        ("k1 = 2, call::sub.bmad", r"a file cannot call itself: lattice\.bmad calls sub\.bmad calls sub\.bmad"),
        ("call::nothing.bmad", r"sub\.bmad:1:1: no file 'nothing\.bmad'"),
    ],
)
def test_mistakes_in_attributes_from_a_file(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "lattice.bmad"
    (tmp_path / "sub.bmad").write_text(text)
    path.write_text("q: quadrupole, l = 0.5, call::sub.bmad\nk: line = (q); use, k")
    with pytest.raises(cv.LatticeError, match=message):
        cv.load(path)


@pytest.mark.parametrize(
    ("gun", "beginning", "gain"),
    [
        ("voltage = 5e5", "e_tot] = 1e6", 1.5e6),
        ("gradient = 2.5e6", "p0c] = 0", 510998.95069 + 5e5),
        ("voltage = 5e5, delta_e_ref = 7e5", "e_tot] = 1e6", 1.7e6),
        ("voltage = 5e5, delta_e_ref = -1e99", "e_tot] = 1e6", 1.5e6),
        ("voltage = 5e5, rf_frequency = 1e9, phi0 = 1 / 6", "e_tot] = 1e6", 1.25e6),
    ],
)
def test_a_branch_that_begins_with_a_gun_has_its_energy(gun: str, beginning: str, gain: float, load: Load) -> None:
    """Bmad manual, "E_Gun"; seen in the first branch of its regression test s_to_s."""
    lattice = load(f"""
        parameter[particle] = electron; beginning[{beginning}
        m: marker; g: e_gun, l = 0.2, {gun}; d: drift, l = 1
        k: line = (m, g, d); use, k
        """)
    assert lattice.reference is not None
    assert lattice.reference.energy == pytest.approx(gain, rel=1e-14)


def test_a_gun_that_accelerates_nothing_needs_an_energy(load: Load) -> None:
    with pytest.raises(cv.LatticeError, match=r"must be|is not above"):
        load("beginning[p0c] = 0; g: e_gun, l = 0.2; k: line = (g); use, k")
