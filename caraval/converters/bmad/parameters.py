"""Parameters of the lattice as a whole (Bmad manual, "Lattice File Global Parameters", "Parameter Structures")."""

from __future__ import annotations

_TWISS = """alpha_a alpha_b beta_a beta_b phi_a phi_b eta_x eta_y eta_z etap_x etap_y deta_x_ds deta_y_ds eta_a eta_b etap_a
    etap_b cmat_11 cmat_12 cmat_21 cmat_22 mode_flip dalpha_dpz_a dalpha_dpz_b dbeta_dpz_a dbeta_dpz_b deta_dpz_x deta_dpz_y
    detap_dpz_x detap_dpz_y spin_dn_dpz_x spin_dn_dpz_y spin_dn_dpz_z x_position y_position z_position theta_position
    phi_position psi_position""".split()

BEGINNING = frozenset([*_TWISS, "p0c", "e_tot", "s", "ref_time"])
"""What is known where a branch begins."""

LINE = BEGINNING | frozenset("geometry particle default_tracking_species live_branch inherit_from_fork".split())
"""What can be said of a line that becomes a branch."""

PARAMETERS: dict[str, frozenset[str]] = {
    "parameter": frozenset(
        """p0c e_tot particle geometry lattice_type lattice machine live_branch n_part no_end_marker taylor_order ran_seed
        default_tracking_species electric_dipole_moment parser_make_xfer_mats photon_type absolute_time_tracking
        ptc_exact_model ptc_exact_misalign high_energy_space_charge_on""".split()
    ),
    "beginning": BEGINNING,
    "particle_start": frozenset(
        """x px y py z pz t direction e_photon emittance_a emittance_b emittance_z sig_z sig_pz field_x field_y phase_x
        phase_y spin_x spin_y spin_z""".split()
    ),
    "bmad_com": frozenset(
        """abs_tol_adaptive_tracking abs_tol_tracking autoscale_amp_abs_tol autoscale_amp_rel_tol autoscale_phase_tol d_orb
        default_ds_step electric_dipole_moment fatal_ds_adaptive_tracking init_ds_adaptive_tracking max_aperture_limit
        min_ds_adaptive_tracking ptc_cut_factor rel_tol_adaptive_tracking rel_tol_tracking sad_amp_max sad_eps_scale
        significant_length synch_rad_scale default_integ_order max_num_runge_kutta_step ptc_max_fringe_order sad_n_div_max
        taylor_order absolute_time_ref_shift absolute_time_tracking aperture_limit_on auto_bookkeeper conserve_taylor_maps
        csr_and_space_charge_on debug high_energy_space_charge_on lr_wakes_on normalize_twiss ptc_use_orientation_patches
        radiation_damping_on radiation_fluctuations_on radiation_zero_average rf_phase_below_transition_ref
        spin_sokolov_ternov_flipping_on spin_tracking_on sr_wakes_on convert_to_kinetic_momentum""".split()
    ),
    "ptc_com": frozenset(
        """exact_misalign exact_model max_fringe_order old_integrator vertical_kick translate_patch_drift_time cut_factor
        print_step_warning use_totalpath pancake_symplectic pancake_canonical""".split()
    ),
    "space_charge_com": frozenset(
        """ds_track_step dt_track_step beam_chamber_height cathode_strength_cutoff rel_tol_tracking abs_tol_tracking
        lsc_sigma_cutoff particle_sigma_cutoff n_bin particle_bin_span n_shield_images sc_min_in_bin space_charge_mesh_size
        csr_3d_mesh_size csr3d_mesh_size print_taylor_warning diagnostic_output_file""".split()
    ),
}
"""The groups of parameters, and their names."""

GROUPS = {name: name for name in PARAMETERS} | {"beam_start": "particle_start"}
"""What the groups are called; the last is the old name of one."""

WORDS = frozenset("particle default_tracking_species geometry lattice_type lattice machine photon_type".split())
"""Parameters whose values are words or text."""
