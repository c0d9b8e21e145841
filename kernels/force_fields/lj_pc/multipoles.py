"""The multipole expansion of a tip's row of point charges (physics.md §2)."""

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats

ORDER = 5  # moments that are kept: monopole to hexadecapole
CLOSE = 2.5  # Å: the shortest distance between a probe particle and an atom
ROUNDING = 1e-12  # the relative rounding error of a float64 sum
FLOAT_ERROR = 6e-8  # the relative rounding error of a float32 number
TRUNCATION = 1e-5  # the largest accepted share of the moments left out, in the force of one atom at CLOSE
QUADRUPOLE_UNIT = 7.5  # times this, the derivatives of a quadrupole's potential have whole coefficients


def multipoles(charges: Floats, charge_z: Floats) -> tuple[Floats, Floats]:
    """Return the lowest axial moment of each row of charges, (M,) f8, and all moments divided by it, (M, ORDER) f8.

    charges: (M, C) f8, e.
    charge_z: (M, C) f8, Å, the heights of the charges above the probe's centre.

    The moment of order l is Σ Q (−ζ)^l. A moment that is only the rounding of its sum counts as 0; the lowest moment of
    a row without moments is 1. If the lowest moment is of order 2, it is returned times QUADRUPOLE_UNIT, so that
    moments[:, 2] is 1 / QUADRUPOLE_UNIT.
    """
    terms = np.stack([charges * (-charge_z) ** order for order in range(ORDER)], axis=1)
    moments = terms.sum(axis=2)
    moments[np.abs(moments) <= ROUNDING * np.abs(terms).sum(axis=2)] = 0
    order = (moments != 0).argmax(axis=1)
    lowest = moments[np.arange(len(moments)), order]
    leading = np.where(lowest != 0, lowest, 1.0) * np.where(order == 2, QUADRUPOLE_UNIT, 1.0)
    return leading, moments / leading[:, None]


def expansion_is_better(charges: Floats, charge_z: Floats) -> npt.NDArray[np.bool_]:
    """Tell for each row of charges, (M,) bool, if the truncated expansion is more exact than a float32 sum.

    At the distance CLOSE of an atom the first moments left out are compared with the rounding error of the sum and
    with the moments that are kept. Parameters are those of `multipoles`.
    """
    reach = -charge_z / CLOSE
    force = np.stack([(order + 1) * np.abs((charges * reach**order).sum(axis=1)) for order in range(ORDER + 3)])
    left_out = force[ORDER:].sum(axis=0)
    rounding = FLOAT_ERROR * np.abs(charges).sum(axis=1)
    good_enough = np.maximum(rounding, TRUNCATION * force[:ORDER].sum(axis=0))
    return np.asarray((left_out <= good_enough) & (np.abs(reach) < 0.5).all(axis=1))
