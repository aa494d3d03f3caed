"""Fields in space, and the integration of motion in them."""
