"""What a lattice, a beam and a plan are. Knows no array library and no element kind."""
