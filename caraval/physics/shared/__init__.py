"""What element kinds share: bodies, edges, kicks, integrators, special functions."""
