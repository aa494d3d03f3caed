"""Elements: one file per kind, with its parameters and its routines; and what kinds share."""
