"""A tip's row of point charges (physics.md §2) is expanded in multipoles about the centre of the probe particle."""

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats

ORDER = 5  # the number of moments that are kept: monopole to hexadecapole
MIN_DISTANCE = 2.5  # Å, between a probe particle and an atom
FLOAT64_ERROR = 1e-12  # the relative rounding error of a float64 sum
FLOAT32_ERROR = 6e-8  # the relative rounding error of a float32 number
MAX_TRUNCATION = 1e-5  # the accepted share of the moments left out in the force of one atom at MIN_DISTANCE
QUADRUPOLE_UNIT = 7.5  # of a leading quadrupole: the coefficients 7.5 and 52.5 of its field become 1 and 7


def multipoles(charges: Floats, charge_z: Floats) -> tuple[Floats, Floats]:
    """Return the lowest axial moment of each row of charges, (M,) f8, and all moments divided by it, (M, ORDER) f8.

    charges: (M, C) f8, e.
    charge_z: (M, C) f8, Å, the heights of the charges above the probe's centre.

    The moment of order l is Σ Q (−ζ)^l. A moment no larger than the rounding error of its sum counts as 0; the lowest
    moment of a row without moments is 1. If the lowest moment is of order 2, it is returned times QUADRUPOLE_UNIT, so
    that moments[:, 2] is 1 / QUADRUPOLE_UNIT.
    """
    terms = np.stack([charges * (-charge_z) ** order for order in range(ORDER)], axis=1)
    moments = terms.sum(axis=2)
    moments[np.abs(moments) <= FLOAT64_ERROR * np.abs(terms).sum(axis=2)] = 0
    order = (moments != 0).argmax(axis=1)
    lowest = moments[np.arange(len(moments)), order]
    leading = np.where(lowest != 0, lowest, 1.0) * np.where(order == 2, QUADRUPOLE_UNIT, 1.0)
    return leading, moments / leading[:, None]


def expansion_is_better(charges: Floats, charge_z: Floats) -> npt.NDArray[np.bool_]:
    """Return for each row of charges, (M,) bool, if the truncated expansion is more exact than a float32 sum.

    For an atom at MIN_DISTANCE, the first moments left out are compared with the rounding error of the sum and with
    the moments that are kept. Parameters are those of `multipoles`.
    """
    reach = -charge_z / MIN_DISTANCE
    force = np.stack([(order + 1) * np.abs((charges * reach**order).sum(axis=1)) for order in range(ORDER + 3)])
    left_out = force[ORDER:].sum(axis=0)
    rounding = FLOAT32_ERROR * np.abs(charges).sum(axis=1)
    good_enough = np.maximum(rounding, MAX_TRUNCATION * force[:ORDER].sum(axis=0))
    return np.asarray((left_out <= good_enough) & (np.abs(reach) < 0.5).all(axis=1))
