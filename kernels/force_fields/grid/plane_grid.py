"""The planes of the imaged frame on which the energy of a probe particle is made."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats
from kernels.device.shared import share_constants
from kernels.force_fields.grid.splines import open_prefilter, spectrum

#: 1/Å: exp(DECAY z) evens out energies over the heights of a probe, so that splines of them keep their digits.
DECAY = 2.4
share_constants("grid_constants", DECAY=DECAY)
BLOCK = 8  # rows that a work-item of lateral_transform.cl has
ROWS = 4  # heights that a work-item of plane_products.cl has
SUPPORT = 3  # steps around a point that its spline needs
TAPER = 12  # steps beyond what a probe over the window feels, over which fields fall to 0 at the edge of a box


def _blocks(n: int, block: int) -> int:
    return -(-n // block) * block


def _vectors(n: int) -> tuple[int, int]:
    """Return n rounded up to whole blocks of 8 × 4, 8 × 3 or 8 × 2, the least of these, and that 4, 3 or 2."""
    return min(((_blocks(n, 8 * vectors), vectors) for vectors in (4, 3, 2)), key=lambda padded: padded[0])


@dataclass(frozen=True)
class TipReach:
    """The distances from the probe, in Å, up to which a tip's charge and density are summed.

    The charge above is taken into account by the decay of the sample's potential (PlaneGrid.tip_spectra).
    """

    lateral: float = 3.4
    below: float = 6.0
    above: float = 4.0
    density_below: float = 5.0
    density_above: float = 2.0
    has_density: bool = True


@dataclass(frozen=True)
class PlaneGrid:
    """Planes of size_x × size_y points `step` Å apart, around a centre, and the part of them that a probe may reach.

    Energies exist on `heights` planes, from the lowest up; along x up to reach_x − 1 steps from the centre, and along
    y up to reach_y − 1. The tip has `tip_planes` planes of charge, the lowest `below` steps under the probe, and
    `density_tip_planes` of density (0: none), the lowest `density_below` steps under it. The sample has no planes that
    only the lowest `cut` of these would meet.
    """

    step: float
    size_x: int
    size_y: int
    reach_x: int
    reach_y: int
    heights: int
    below: int
    tip_planes: int
    density_below: int
    density_tip_planes: int
    cut: int = 0

    @classmethod
    def covering(
        cls, width: tuple[float, float], height: float, reach: TipReach, step: float = 0.2, margin: float = 0.8,
        shallow: float = 0.0,
    ) -> "PlaneGrid":  # fmt: skip
        """Return the grid for probes within width (x, y) and height, and `margin` beyond the width, all in Å.

        shallow: Å of the height, from the lowest up, at which energies need not be as exact: the tip is summed less far
        below the probe there.
        """
        half = [int(np.ceil((w / 2 + margin) / step)) + SUPPORT for w in width]
        reach_x, (reach_y, _) = _blocks(half[0], BLOCK), _vectors(half[1])
        size = [int(np.ceil((w + 2 * (margin + SUPPORT * step + reach.lateral)) / step)) for w in width]
        heights = _blocks(int(np.ceil(height / step)) + 2 * SUPPORT, ROWS)
        below, above, density_below, density_above = (
            round(length / step) for length in (reach.below, reach.above, reach.density_below, reach.density_above)
        )
        size_x, size_y = _blocks(max(size[0], 2 * reach_x), 4), _blocks(max(size[1], 2 * reach_y), 16)
        density_planes = density_below + 1 + density_above if reach.has_density else 0
        return cls(
            step, size_x, size_y, reach_x, reach_y, heights, below, below + 1 + above, density_below, density_planes,
            round(shallow / step),
        )  # fmt: skip

    @property
    def planes(self) -> int:
        """The number of planes that the sample's potential is needed on."""
        return self.heights + self.tip_planes - 1 - self.cut

    @property
    def density_planes(self) -> int:
        """The number of planes that the sample's density is needed on."""
        return self.heights + self.density_tip_planes - 1 - self.cut if self.density_tip_planes else 0

    @property
    def kept(self) -> tuple[int, int]:
        """The numbers of wave numbers along x and y that are kept, from 0 on: as planes of every second point have."""
        return self.size_x // 4, self.size_y // 4

    @property
    def k_x(self) -> int:
        """The number of wave numbers along x, rounded up to whole blocks."""
        return _blocks(self.kept[0], BLOCK)

    @property
    def k_y(self) -> int:
        """The number of wave numbers along y, rounded up to whole blocks."""
        return _vectors(self.kept[1])[0]

    @property
    def fields(self) -> int:
        """The number of the sample's fields: 2 if the tip has a density."""
        return 2 if self.density_tip_planes else 1

    @property
    def defines(self) -> dict[str, int]:
        """The numbers that the kernels are built with."""
        return {
            "N_X": self.size_x, "N_Y": self.size_y, "H_X": self.reach_x, "H_Y": self.reach_y, "HEIGHTS": self.heights,
            "PLANES": self.planes, "DENSITY_PLANES": self.density_planes, "TIP_PLANES": self.tip_planes,
            "DENSITY_FIRST": self.below - self.density_below, "DENSITY_TIP_PLANES": self.density_tip_planes,
            "K_X": self.k_x, "K_Y": self.k_y, "KEPT_X": self.kept[0], "KEPT_Y": self.kept[1], "CUT": self.cut,
            "VECTORS": _vectors(self.kept[1])[1], "Y_VECTORS": _vectors(self.reach_y)[1], "FIELDS": self.fields,
            "TAPER": TAPER,
        }  # fmt: skip

    @property
    def coefficients(self) -> int:
        """The number of spline coefficients of an image's energy: (2 reach_x, 2 reach_y, heights)."""
        return 4 * self.reach_x * self.reach_y * self.heights

    @property
    def limits(self) -> Floats:
        """The largest potential in V and the largest density in e/Å³ on each of the sample's planes: (2, planes) f8.

        Nuclei that stand between the planes which a probe reaches, as those of periodic images beside the window may,
        would take the digits of everything else.
        """
        depth = np.maximum(self.step * (self.below + SUPPORT - np.arange(self.planes)), -1.0)  # below the lowest probe
        return np.stack((20 * np.exp(2.2 * depth), 0.1 * np.exp(2.4 * depth)))

    @cached_property
    def matrices(self) -> dict[str, npt.NDArray[np.float32]]:
        """The matrices of the transforms (lateral_transform.cl) and of the spline along z, f4."""
        arrays = {}
        for axis, size, k, reach in (
            ("x", self.size_x, self.k_x, self.reach_x),
            ("y", self.size_y, self.k_y, self.reach_y),
        ):
            phase = 2 * np.pi / size * (np.outer(np.arange(size // 2), np.arange(k)) % size)
            back = 2 * np.pi / size * (np.outer(np.arange(k), np.arange(reach)) % size)
            for name, angle in ((f"forward_{axis}", phase), (f"inverse_{axis}", back)):
                arrays[f"cos_{name}"] = np.cos(angle).astype(np.float32)
                arrays[f"sin_{name}"] = np.sin(angle).astype(np.float32)
        z = self.step * np.arange(self.heights)
        matrix = open_prefilter(self.heights, self.step, DECAY) * np.exp(DECAY * z)
        arrays["prefilter_z"] = np.ascontiguousarray(matrix.T, np.float32)
        arrays["limits"] = self.limits.astype(np.float32)
        return arrays

    def tip_spectra(self, planes: Floats, n: int) -> npt.NDArray[np.float32]:
        """Return what plane_products multiplies with the sample: (n, k_x, 2, 2, k_y) f4, from a tip's planes.

        planes: (n or more, size_x, size_y) f8, the tip around the probe at [size_x // 2, size_y // 2], per Å³. Those
        above the first n act by the decay of the potential from there, exp(−k z) for a wave number k. The spectra are
        conjugate, for the tip does not turn round, and carry the volume, the transforms' norm and the lateral splines.
        """
        spectra = np.conj(np.fft.fft2(np.fft.ifftshift(planes, axes=(1, 2))))
        k = [2 * np.pi * np.fft.fftfreq(size, self.step) for size in (self.size_x, self.size_y)]
        decay = np.exp(-self.step * np.hypot(k[0][:, None], k[1]))
        for plane in range(n, len(planes)):
            spectra[n - 1] += spectra[plane] * decay ** (plane - n + 1)
        spectra = spectra[:n]
        kx, ky = (np.arange(kept) for kept in self.kept)
        weight_x = np.where(kx == 0, 1.0, 2.0) / spectrum(2 * np.pi * kx / self.size_x)
        weight_y = np.where(ky == 0, 0.5, 1.0) / spectrum(2 * np.pi * ky / self.size_y)
        weight = self.step**3 / (self.size_x * self.size_y) * weight_x[:, None] * weight_y
        out = np.zeros((n, self.k_x, 2, 2, self.k_y), np.float32)
        for sign, columns in enumerate((ky, -ky)):
            part = spectra[:, kx][:, :, columns] * weight
            out[:, : len(kx), sign, 0, : len(ky)] = part.real
            out[:, : len(kx), sign, 1, : len(ky)] = part.imag
        return out
