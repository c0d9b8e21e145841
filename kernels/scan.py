"""Images: what is scanned, where and with which tip; and the grid of pixels they share."""

from dataclasses import dataclass

import numpy as np

from kernels.atoms import Floats, Ints, as_floats, as_ints
from kernels.errors import InvalidInput

EV_PER_A2_IN_N_PER_M = 16.0217662


@dataclass(frozen=True, eq=False)
class Images:
    """M images: one molecule under one tip each, all of dim (nx, ny) pixels and n_out slices.

    molecule (M,) index into the batch's molecules; window (M, 2, 3) scan window ((x0,y0,z0),(x1,y1,z1)) in Å;
    df_steps (M,) heights of an oscillation, of which 1 acts as 2 (§4): the window has n_out − 1 more;
    tilt (M, 2) equilibrium offset t_x, t_y and r0 (M,) bond length of the probe particle, Å; stiffness (M, 4)
    k_x, k_y, k_z, k_r in N/m; lj_radius (M,) Å and lj_epsilon (M,) eV of the probe particle; charges (M, C) e at
    charge_z (M, C) Å above its centre (physics.md §1-3). Raises InvalidInput where a shape does not fit, a number is
    not finite or no geometry results.
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
            raise InvalidInput("molecule: at least one image, indices from 0, in ascending order")
        if len(self.dim) != 2 or any(int(n) != n or n < 1 for n in self.dim):
            raise InvalidInput(f"dim: two integers of at least 1, got {self.dim}")
        if int(self.n_out) != self.n_out or self.n_out < 1:
            raise InvalidInput(f"n_out: an integer of at least 1, got {self.n_out}")
        df_steps = as_ints("df_steps", self.df_steps)
        if df_steps.shape != (m,) or (df_steps < 1).any():
            raise InvalidInput(f"df_steps: an integer of at least 1 for each of {m} images, got {self.df_steps}")
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
            raise InvalidInput("window: z1 must lie above z0")
        if (self.r0 <= np.linalg.norm(self.tilt, axis=1)).any():
            raise InvalidInput("r0: the bond must be longer than the tilt")
        if min(self.stiffness.min(), self.lj_radius.min(), self.lj_epsilon.min()) < 0:
            raise InvalidInput("stiffness, lj_radius, lj_epsilon: must not be negative")
        if (self.stiffness[:, :2].sum(axis=1) + self.stiffness[:, 3] == 0).any():
            raise InvalidInput("stiffness: a probe particle without a spring does not stay at its tip")

    def __len__(self) -> int:
        return len(self.molecule)

    @property
    def oscillation(self) -> Ints:
        """(M,): n, how many heights a slice is made of (§4)."""
        return np.maximum(self.df_steps, 2)

    @property
    def nz(self) -> Ints:
        """(M,): how many heights the window has (§4)."""
        return self.n_out + self.oscillation - 1

    @property
    def dz(self) -> Floats:
        """(M,): vertical step in Å (§1)."""
        return np.asarray((self.window[:, 1, 2] - self.window[:, 0, 2]) / self.nz)

    @property
    def equilibrium(self) -> Floats:
        """(M, 3): the unloaded probe particle's offset d0 from the tip in Å (§3)."""
        drop = np.sqrt(self.r0**2 - (self.tilt**2).sum(axis=1))
        return np.column_stack((self.tilt, -drop))

    @property
    def stiffness_ev(self) -> Floats:
        """(M, 4): the stiffness in eV/Å²."""
        return self.stiffness / EV_PER_A2_IN_N_PER_M

    @property
    def grid(self) -> "PixelGrid":
        """Where the pixels are."""
        return PixelGrid(*self.dim, self.window[:, :, :2])

    def last_of(self, molecules: int) -> Ints:
        """(B,): the last image of each molecule; raises InvalidInput where a molecule has none."""
        last = np.full(molecules, -1)
        if (self.molecule >= molecules).any():
            raise InvalidInput(f"molecule: index beyond the batch's {molecules} molecules")
        np.maximum.at(last, self.molecule, np.arange(len(self)))
        if (last < 0).any():
            raise InvalidInput(f"molecule: molecule {int(np.argmin(last))} has no image")
        return last


@dataclass(frozen=True, eq=False)
class PixelGrid:
    """nx × ny pixels over lateral windows (G, 2, 2), both ends included (§1)."""

    nx: int
    ny: int
    window: Floats

    @property
    def centre(self) -> Floats:
        """(G, 2) Å: the origin that lateral coordinates are taken from, so that float32 keeps its digits."""
        shape = np.array([self.nx, self.ny])
        return np.asarray(np.where(shape > 1, self.window.mean(axis=1), self.window[:, 0]))

    @property
    def step(self) -> Floats:
        """(G, 2) Å: distance between pixels."""
        pixels = np.maximum(np.array([self.nx, self.ny]) - 1, 1)
        shape = np.array([self.nx, self.ny])
        return np.asarray(np.where(shape > 1, (self.window[:, 1] - self.window[:, 0]) / pixels, 0.0))

    def of(self, windows: Ints) -> "PixelGrid":
        """The same pixels over the chosen windows only."""
        return PixelGrid(self.nx, self.ny, self.window[windows])
