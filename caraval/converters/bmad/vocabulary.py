"""The words of the language: element classes, attributes, global parameters (Bmad manual, "List of Element Attributes").

What an element kind takes, its own fields say; so a kind that a plugin brings has its words here without being named.
"""

from __future__ import annotations

import re
from math import pi
from typing import Literal

from caraval.core.element import Element
from caraval.core.registry import registry

CONTROLLERS = ("overlay", "group", "girder", "ramper")
"""Classes whose elements set attributes of others."""

CLASSES = (
    *CONTROLLERS,
    *"""ab_multipole ac_kicker beambeam capillary converter crab_cavity crystal custom detector diffraction_plate drift
    e_gun ecollimator elseparator em_field feedback fiducial fixer floor_shift foil fork gkicker hkicker hybrid instrument
    kicker lcavity lens marker mask match mirror monitor multilayer_mirror multipole null_ele octupole patch photon_fork
    photon_init pickup pipe quadrupole rbend rcollimator rf_bend rfcavity sad_mult sample sbend sextupole sol_quad solenoid
    taylor thick_multipole undulator vkicker wiggler""".split(),
)
"""All element classes of the language."""

RESERVED = frozenset(
    """beam beginning call calc_reference_orbit combine_consecutive_elements debug_marker end_file expand_lattice
    merge_elements no_digested no_superimpose parameter parser_debug particle_start print redef remove_elements return root
    setenv slice_lattice start_branch_at superimpose title undefined_vars_evaluate_to_zero use use_local_lat_file
    write_digested""".split()
)
"""Names that nothing can have."""

TRACKING = frozenset("tracking_method num_steps ds_step integrator_order ptc_integration_type".split())
"""Attributes that make the tracking method."""

SUPERPOSITION = frozenset(
    """superimpose offset ref reference ref_origin ele_origin wrap_superimpose create_jumbo_slave ele_beginning ele_center
    ele_end ref_beginning ref_center ref_end""".split()
)
"""Attributes that place an element upon others."""

FIELD_MAPS = frozenset("cartesian_map cylindrical_map grid_field gen_gradients field_overlaps".split())
"""Attributes that count only where fields are integrated."""

INERT = FIELD_MAPS | frozenset(
    """type alias descrip mat6_calc_method spin_tracking_method spin_fringe_on symplectify taylor_map_includes_offsets
    static_linear_map csr_method csr_ds_step space_charge_method ptc_canonical_coords ptc_fringe_geometry ptc_field_geometry
    field_calc wall autoscale_amplitude autoscale_phase longitudinal_mode lr_freq_spread lr_self_wake_on e_loss
    x_gain_err y_gain_err x_gain_calib y_gain_calib x_offset_calib y_offset_calib x_dispersion_err y_dispersion_err
    x_dispersion_calib y_dispersion_calib tilt_calib crunch crunch_calib noise n_sample de_eta_meas osc_amplitude
    h1 h2 l_soft_edge r_solenoid fringe_type fringe_at fiducial_pt scale_multipoles multipoles_on r0_mag field_master
    p0c_start e_tot_start r_custom""".split()
)
"""Attributes that change nothing in single-particle tracking, of the kinds that do not have them as fields."""

PHYSICS = frozenset(
    """sr_wake sr_wake_file lr_wake lr_wake_file coupler_at coupler_angle coupler_phase coupler_strength r0_elec
    px_aperture_width2 px_aperture_center py_aperture_width2 py_aperture_center z_aperture_width2 z_aperture_center
    pz_aperture_width2 pz_aperture_center hkick vkick bl_hkick bl_vkick h_displace v_displace bs_field ks e_tot p0c
    field_autoscale phi0_autoscale ref_species lord_pad1 lord_pad2""".split()
)
"""Attributes that change the tracking, of the kinds here that do not know them: refused unless they are neutral."""

MULTIPOLE = re.compile(r"[ab]\d+(_elec)?")
"""Names of magnetic and electric multipoles."""

BENDS = ("sbend", "rbend")
BEND_SHAPE = frozenset("l g rho angle l_arc l_chord l_rectangle fiducial_pt".split())
"""Attributes from which the shape of a bend is worked out."""

SEVERAL = {
    "x_limit": ("x1_limit", "x2_limit"),
    "y_limit": ("y1_limit", "y2_limit"),
    "aperture": ("x1_limit", "x2_limit", "y1_limit", "y2_limit"),
    "reference": ("ref",),
}
"""Attributes that stand for others."""

WITHOUT_VALUE: dict[str, dict[str, float]] = {
    "tilt": {"quadrupole": pi / 4, "sol_quad": pi / 4, "sextupole": pi / 6, "octupole": pi / 8},
    "fint": dict.fromkeys(BENDS, 0.5),
    "fintx": dict.fromkeys(BENDS, 0.5),
}
"""What an attribute means without a value, by class."""

DEPENDENT = {
    **dict.fromkeys(BENDS, BEND_SHAPE),
    "lcavity": frozenset("voltage gradient voltage_err gradient_err".split()),
}
"""Attributes of which some follow from the others when the lattice is expanded."""

WORDS = frozenset("tracking_method ptc_integration_type fiducial_pt".split())
NUMBERS = frozenset("l num_steps ds_step integrator_order".split())
"""Attributes that take words, and numbers, whatever the class."""

SHORTEST = 4
"""How many letters of an attribute's name must be given at least."""

_NOT_IN_FILES = frozenset("name length metadata slice_start slice_of".split())


class Vocabulary:
    """The words that elements of the kinds in the registry understand."""

    def __init__(self) -> None:
        self._kinds = {name.lower(): entry.value for name, entry in registry().kinds.items()}
        plugins = (name for name in self._kinds if name not in {word.replace("_", "") for word in CLASSES})
        self.classes = (*CLASSES, *plugins)
        self.custom: set[str] = set()
        self._attributes: dict[str, frozenset[str]] = {}

    def keyword(self, word: str) -> str | None:
        """Return the element class that a word means, which may be abbreviated; None: there is none, or not one alone."""
        if word in self.classes:
            return word
        fitting = self.abbreviated(word)
        return fitting[0] if len(fitting) == 1 else None

    def abbreviated(self, word: str) -> list[str]:
        """Return the classes that a word may be short for."""
        return [known for known in self.classes if known.startswith(word)]

    def kind(self, keyword: str) -> type[Element] | None:
        """Return the element kind of a class, if Caraval has it; an `rbend` is an :class:`SBend` here."""
        return self._kinds.get({"rbend": "sbend"}.get(keyword, keyword).replace("_", ""))

    def attributes(self, keyword: str) -> frozenset[str]:
        """Return the attributes of a class that Caraval has."""
        if keyword not in self._attributes:
            kind = self.kind(keyword)
            assert kind is not None
            own = ({*kind.schema().defaults, *kind.shorthands} - _NOT_IN_FILES) | {"l", *SEVERAL}
            bend = BEND_SHAPE if keyword in BENDS else frozenset()
            self._attributes[keyword] = frozenset(own | TRACKING | SUPERPOSITION | INERT | PHYSICS | bend)
        return self._attributes[keyword]

    def meaning(self, keyword: str, word: str) -> tuple[str, ...]:
        """Return the attributes that a word means, which may be abbreviated; none: the class has no such attribute.

        Of a class that Caraval does not have, every word is taken as it is.
        """
        if self.kind(keyword) is None:
            return SEVERAL.get(word, (word,))
        known = self.attributes(keyword)
        base = re.split(r"[(%]", word)[0]
        if word not in known and base not in INERT and base not in self.custom and not MULTIPOLE.fullmatch(word):
            fitting = [name for name in known if name.startswith(word)] if len(word) >= SHORTEST else []
            if len(fitting) != 1:
                return ()
            word = fitting[0]
        return SEVERAL.get(word, (word,))

    def wanted(self, keyword: str, name: str) -> Literal["number", "word", "either"]:
        """Return what an attribute takes."""
        kind = self.kind(keyword)
        if name in WORDS or (kind is not None and name in kind.schema().choices):
            return "word"
        if name in NUMBERS or MULTIPOLE.fullmatch(name) or (keyword in BENDS and name in BEND_SHAPE):
            return "number"
        if kind is not None and (name in kind.schema().parameters or name in kind.shorthands or _is_whole(kind, name)):
            return "number"
        return "either"

    def default(self, keyword: str, name: str) -> float | str:
        """Return the value of an attribute that is not set."""
        kind = self.kind(keyword)
        default = None if kind is None else kind.schema().defaults.get("length" if name == "l" else name)
        if isinstance(default, bool):
            return "T" if default else "F"
        return float(default) if isinstance(default, (int, float)) else default if isinstance(default, str) else 0.0

    def without_value(self, keyword: str, name: str) -> float | str | None:
        """Return what an attribute means that is given without a value; None: it needs one."""
        meant = WITHOUT_VALUE.get(name, {}).get(keyword)
        angle = re.fullmatch(r"t(\d+)", name) if keyword == "multipole" else None
        if angle:
            meant = pi / (2 * int(angle[1]) + 2)
        if meant is not None:
            return meant
        wanted, kind = self.wanted(keyword, name), self.kind(keyword)
        is_logical = wanted == "word" and kind is not None and kind.schema().choices.get(name) == (True, False)
        return "T" if wanted == "either" or is_logical else None


def _is_whole(kind: type[Element], name: str) -> bool:
    return type(kind.schema().defaults.get(name)) is int
