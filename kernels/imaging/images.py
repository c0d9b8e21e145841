"""Images describes the images of a batch: the molecule, the scan window, the tip and the pixels of each."""

from dataclasses import dataclass

import numpy as np

from kernels.atoms import Floats, Ints, as_floats, as_ints
from kernels.constants import EV_PER_A2_IN_N_PER_M
from kernels.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Images:
    """M images, each of one molecule under one tip, with the same numbers of pixels and slices (physics.md §1-4).

    molecule: (M,) i8, index of the molecule in the batch, ascending.
    window: (M, 2, 3) f8, Å, scan window ((x0, y0, z0), (x1, y1, z1)).
    dim: (nx, ny), the pixels along x and y.
    n_out: the number of slices of an image.
    df_steps: (M,) i8, the number of heights of an oscillation; 1 acts as 2 (physics.md §4). A window has n_out − 1
        heights more.
    tilt: (M, 2) f8, Å, lateral equilibrium offset (t_x, t_y) of the probe particle.
    r0: (M,) f8, Å, bond length between tip and probe particle.
    stiffness: (M, 4) f8, N/m, k_x, k_y, k_z and k_r.
    lj_radius: (M,) f8, Å, Lennard-Jones radius of the probe particle.
    lj_epsilon: (M,) f8, eV, Lennard-Jones depth of the probe particle.
    charges: (M, C) f8, e, point charges of the tip.
    charge_z: (M, C) f8, Å, heights of the charges above the centre of the probe particle.

    Raises InvalidInput if a shape does not fit, a number is not finite or out of range, z1 is not above z0, a bond is
    not longer than its tilt, or nothing holds the probe particle sideways.
    """

    molecule: Ints
    window: Floats
    dim: tuple[int, int]
    n_out: int
    df_steps: Ints
    tilt: Floats
    r0: Floats
    stiffness: Floats
    lj_radius: Floats
    lj_epsilon: Floats
    charges: Floats
    charge_z: Floats

    def __post_init__(self) -> None:
        molecule = as_ints("molecule", self.molecule)
        m = len(molecule)
        if m == 0 or (molecule < 0).any() or (np.diff(molecule) < 0).any():
            raise InvalidInput("molecule: expected at least one image, with indices of at least 0 in ascending order")
        if len(self.dim) != 2 or any(int(n) != n or n < 1 for n in self.dim):
            raise InvalidInput(f"dim: expected two integers of at least 1 (pixels along x and y), got {self.dim}")
        if int(self.n_out) != self.n_out or self.n_out < 1:
            raise InvalidInput(f"n_out: expected an integer of at least 1 (slices), got {self.n_out}")
        df_steps = as_ints("df_steps", self.df_steps)
        if df_steps.shape != (m,) or (df_steps < 1).any():
            raise InvalidInput(
                f"df_steps: expected an integer of at least 1 for each of {m} images, got {self.df_steps}"
            )
        object.__setattr__(self, "molecule", molecule)
        object.__setattr__(self, "dim", tuple(int(n) for n in self.dim))
        object.__setattr__(self, "n_out", int(self.n_out))
        object.__setattr__(self, "df_steps", df_steps)
        n_charges = np.shape(self.charges)[-1] if np.ndim(self.charges) else 0
        shapes: dict[str, tuple[int, ...]] = {
            "window": (m, 2, 3), "tilt": (m, 2), "r0": (m,), "stiffness": (m, 4), "lj_radius": (m,),
            "lj_epsilon": (m,), "charges": (m, n_charges), "charge_z": (m, n_charges),
        }  # fmt: skip
        for name, shape in shapes.items():
            object.__setattr__(self, name, as_floats(name, getattr(self, name), shape))
        if (self.window[:, 1, 2] <= self.window[:, 0, 2]).any():
            raise InvalidInput("window: z1 must be greater than z0")
        if (self.r0 <= np.linalg.norm(self.tilt, axis=1)).any():
            raise InvalidInput("r0: the bond length must be greater than the length of the tilt, in Å")
        if min(self.stiffness.min(), self.lj_radius.min(), self.lj_epsilon.min()) < 0:
            raise InvalidInput("stiffness, lj_radius, lj_epsilon: no value may be negative")
        if (self.stiffness[:, :2].sum(axis=1) + self.stiffness[:, 3] == 0).any():
            raise InvalidInput(
                "stiffness: k_x, k_y and k_r of an image are all 0: nothing holds the probe particle sideways"
            )

    def __len__(self) -> int:
        return len(self.molecule)

    @property
    def oscillation(self) -> Ints:
        """The number n of heights that a slice is made of, (M,) i8 (physics.md §4)."""
        return np.maximum(self.df_steps, 2)

    @property
    def nz(self) -> Ints:
        """The number of heights in the window, (M,) i8 (physics.md §4)."""
        return self.n_out + self.oscillation - 1

    @property
    def dz(self) -> Floats:
        """The vertical step, (M,) f8, Å (physics.md §1)."""
        return np.asarray((self.window[:, 1, 2] - self.window[:, 0, 2]) / self.nz)

    @property
    def equilibrium(self) -> Floats:
        """The offset d0 of the unloaded probe particle from the tip, (M, 3) f8, Å (physics.md §3)."""
        drop = np.sqrt(self.r0**2 - (self.tilt**2).sum(axis=1))
        return np.column_stack((self.tilt, -drop))

    @property
    def stiffness_ev(self) -> Floats:
        """The stiffness, (M, 4) f8, eV/Å²."""
        return self.stiffness / EV_PER_A2_IN_N_PER_M

    @property
    def origin(self) -> Floats:
        """The origin of the kernels' float32 coordinates, (M, 3) f8, Å.

        It is the unloaded probe in the centre of the window at the lowest height.
        """
        lowest = self.window[:, 1, 2] - (self.nz - 1) * self.dz
        return np.column_stack((self.grid.centre, lowest)) + self.equilibrium

    @property
    def grid(self) -> "PixelGrid":
        """The pixels over the lateral windows of the images."""
        return PixelGrid(*self.dim, self.window[:, :, :2])

    def last_of(self, molecules: int) -> Ints:
        """Return the last image of each molecule, (B,) i8; raises InvalidInput if a molecule has none."""
        last = np.full(molecules, -1)
        if (self.molecule >= molecules).any():
            raise InvalidInput(
                f"molecule: index {self.molecule.max()} is beyond the {molecules} molecules of the batch"
            )
        np.maximum.at(last, self.molecule, np.arange(len(self)))
        if (last < 0).any():
            raise InvalidInput(f"molecule: molecule {int(np.argmin(last))} has no image")
        return last


@dataclass(frozen=True, eq=False)
class PixelGrid:
    """nx × ny pixels over each of G lateral windows, with pixels on both ends (physics.md §1).

    window: (G, 2, 2) f8, Å, ((x0, y0), (x1, y1)).
    """

    nx: int
    ny: int
    window: Floats

    @property
    def centre(self) -> Floats:
        """The centres of the windows, (G, 2) f8, Å: the origins of lateral coordinates."""
        shape = np.array([self.nx, self.ny])
        return np.asarray(np.where(shape > 1, self.window.mean(axis=1), self.window[:, 0]))

    @property
    def step(self) -> Floats:
        """The distances between pixels, (G, 2) f8, Å."""
        pixels = np.maximum(np.array([self.nx, self.ny]) - 1, 1)
        shape = np.array([self.nx, self.ny])
        return np.asarray(np.where(shape > 1, (self.window[:, 1] - self.window[:, 0]) / pixels, 0.0))

    def of(self, windows: Ints) -> "PixelGrid":
        """Return the same pixels over the chosen windows only."""
        return PixelGrid(self.nx, self.ny, self.window[windows])
