"""The words of the format."""

VERSION = 1
KEYS = ("caraval", "name", "geometry", "reference", "beginning", "metadata", "plugins", "tensors", "elements", "line")

ARRAY, TUPLE, MAPPING = "$array", "$tuple", "$mapping"
ELEMENT, TENSOR = "$element", "$tensor"
"""What trees of arrays hold: another element, or an array that is in the file beside, under a name."""

TENSORS = ".safetensors"
"""Suffix of that file."""

TAGS = frozenset((ARRAY, TUPLE, MAPPING))
DEEPEST = 100
"""How deep lists and objects may be nested in what is kept with a lattice or an element."""

AROUND = 10
"""How deep that stands in the file, at most."""

DTYPES = {"float64": (int, float), "float32": (int, float), "int64": (int,), "int32": (int,), "bool": (bool,)}
"""Precisions of arrays, and what may stand in their lists."""
