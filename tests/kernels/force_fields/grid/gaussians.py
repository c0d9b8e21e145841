"""Samples and tips made of Gaussians, whose energies have closed forms."""

from dataclasses import dataclass

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.device.device import Device
from kernels.force_fields.grid.force_field import GridDevice, GridForceField
from kernels.force_fields.grid.samples import SampleGrid
from kernels.force_fields.grid.tips import Tip
from kernels.imaging.images import Images
from kernels.sample_frames import SampleFrames
from tests.kernels.cases import CO_TIP, make_atoms, make_images
from tests.kernels.force_fields.grid.resident import resident

LATTICE = np.array([[12.0, 0.0, 0.0], [1.5, 11.4, 0.0], [-0.8, 0.9, 12.6]])
SHAPE = (60, 58, 64)
PLACE = np.array([0.3, -0.2, 0.1])
TURN = np.array([[0.6, -0.8, 0.0], [0.48, 0.36, 0.8], [-0.64, -0.48, 0.6]])
AT = np.array([-1.3, 0.8, 2.1])


def gaussian(r2: Floats, width: float) -> Floats:
    """Return the Gaussian of a width at squared distances, its integral over space being 1."""
    return np.exp(-r2 / (2 * width**2)) / ((2 * np.pi) ** 1.5 * width**3)


def on_grid(lattice: Floats, shape: tuple[int, int, int], centre: Floats, width: float) -> Floats:
    """Return a Gaussian on a periodic grid, from whichever image of its centre is nearest in the cell's coordinates."""
    fraction = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    fraction -= centre @ np.linalg.inv(lattice)
    fraction -= np.rint(fraction)
    return gaussian(((fraction @ lattice) ** 2).sum(axis=-1), width)


@dataclass
class Scene:
    """A sample of an atom at AT of the image, its fields turned by TURN, and an image above it."""

    atoms: Atoms
    images: Images
    frames: SampleFrames
    grid: SampleGrid

    def force_field(self, device: Device, tip: Tip, **parameters) -> GridForceField:
        """Return the force field of this sample and tip."""
        held = GridDevice(device, resident(device, [self.grid]), [tip])
        m = len(self.images)
        given = {"strength": np.ones(m), "exponent": np.ones(m)} | parameters
        return GridForceField(held, np.zeros(self.atoms.molecules, int), np.zeros(m, int), **given)


def scene(potential_width: float, density_width: float | None, charge: float = 1.0, samples: int = 1) -> Scene:
    """Return a sample with a Gaussian potential of `charge` V Å³ and, if it has a width, a Gaussian density of 1 e."""
    centre = (AT - [0.4, -0.3, 0.2]) @ TURN  # own position: TURN @ own + shift = AT
    grid = SampleGrid(
        LATTICE, PLACE, charge * on_grid(LATTICE, SHAPE, centre - PLACE, potential_width),
        None if density_width is None else on_grid(LATTICE, SHAPE, centre - PLACE, density_width),
    )  # fmt: skip
    atoms = make_atoms(*[(AT[None], np.zeros(1), np.array([6]))] * samples)
    low = AT[2] + 3.0 + 3.0  # the lowest unloaded probe is 3 Å above the atom
    window = [[AT[0] - 2.1, AT[1] - 1.4, low], [AT[0] + 1.7, AT[1] + 1.6, low + 1.2]]
    images = make_images(list(range(samples)), [window] * samples, (5, 4, 12), CO_TIP, df_steps=4)
    frames = SampleFrames(np.tile(TURN, (samples, 1, 1)), np.tile([0.4, -0.3, 0.2], (samples, 1)))
    return Scene(atoms, images, frames, grid)


def probe_points(images: Images, n: int = 40) -> Floats:
    """Return points (n, 3) where a probe of the first image may be, in Å."""
    rng = np.random.default_rng(5)
    low, high = images.window[0]
    top = images.origin[0, 2] + (images.nz[0] - 1) * images.dz[0]
    return rng.uniform(
        [low[0] - 0.5, low[1] - 0.5, images.origin[0, 2] - 0.3], [high[0] + 0.5, high[1] + 0.5, top + 0.3], (n, 3)
    )


def radial_derivatives(d: Floats, first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return the gradient (n, 3) and the Hessian (n, 3, 3) of φ(r²) from φ' and φ'', both (n,), at d (n, 3)."""
    gradient = 2 * first[:, None] * d
    hessian = 4 * second[:, None, None] * d[:, :, None] * d[:, None] + 2 * first[:, None, None] * np.eye(3)
    return gradient, hessian
