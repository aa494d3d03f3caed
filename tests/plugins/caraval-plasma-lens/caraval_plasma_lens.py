"""Thin active plasma lens (van Tilborg et al., PRL 115, 184802)."""
import caraval as cv


class PlasmaLens(cv.Element):
    """`k1l` [1/m]: integrated focusing strength; `radius` [m]: of the capillary."""
    k1l: cv.Parameter = 0.0
    radius: cv.Parameter = 1e-3


def linear(lens, reference_in, reference_out, xp):
    focus = [[1, 0], [-lens.k1l, 1]]
    return cv.LinearMap.from_blocks(x=focus, y=focus, xp=xp)


def kick(lens, q, xp):  # no `prepare`: the constants are the lens's own fields
    strength = lens.k1l / (1 + (q.x**2 + q.y**2) / lens.radius**2)
    return q._replace(px=q.px - strength * q.x, py=q.py - strength * q.y)


@cv.hookimpl
def register_tracking_methods():
    return {(PlasmaLens, "linear"): linear,
            (PlasmaLens, "kick_drift_kick"): cv.Routine(track=kick, inverse=lambda lens: lens.replace(k1l=-lens.k1l))}
