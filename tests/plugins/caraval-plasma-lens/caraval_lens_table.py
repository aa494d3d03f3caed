"""Tables of plasma lenses: a line ``name k1l radius`` for each, a line ``> metres`` for what is between."""

import caraval as cv
from caraval_plasma_lens import PlasmaLens


def read(path, line=None, branch=None):
    if line is not None or branch is not None:
        raise cv.LatticeError(f"a table is one line, without {line or branch!r}", file=str(path))
    elements = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        words = text.split()
        try:
            if words[:1] == [">"]:
                elements.append(cv.Drift(length=float(words[1])))
            elif words:
                elements.append(PlasmaLens(name=words[0], k1l=float(words[1]), radius=float(words[2])))
        except (IndexError, ValueError) as error:
            raise cv.LatticeError(f"neither a lens nor a gap: {text!r}", file=str(path), line=number) from error
    if not elements:
        raise cv.LatticeError("neither a lens nor a gap", file=str(path))
    return cv.Lattice(elements, name=path.stem)


@cv.hookimpl
def register_readers():
    return [cv.Reader("lens_table", (".lenses",), read)]
