"""The words of the format."""

VERSION = 1
KEYS = ("caraval", "name", "geometry", "reference", "beginning", "metadata", "plugins", "elements", "line")

ARRAY, TUPLE, MAPPING = "$array", "$tuple", "$mapping"
TAGS = frozenset((ARRAY, TUPLE, MAPPING))
DTYPES = {"float64": (int, float), "float32": (int, float), "int64": (int,), "int32": (int,), "bool": (bool,)}
"""Precisions of arrays, and what may stand in their lists."""
