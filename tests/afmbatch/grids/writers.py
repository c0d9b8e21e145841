"""Small writers of volumetric files, and densities whose integrals are known."""

import io
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.units import BOHR, HARTREE

SKEWED = np.array([[6.0, 0.0, 0.0], [1.5, 5.2, 0.0], [-0.8, 0.9, 7.0]])
COULOMB = 14.399645  # V·Å per e


def periodic_gaussians(
    shape: Sequence[int], lattice: NDArray, origin: NDArray, xyz: NDArray, weights: Sequence[float], width: float
) -> NDArray[np.float64]:
    """Return Σ weight · normal distribution around each position, with all periodic images that matter."""
    fractions = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    points = origin + fractions @ lattice
    values = np.zeros(shape)
    for position, weight in zip(xyz, weights, strict=True):
        for image in product((-1, 0, 1), repeat=3):
            squared = ((points - position - np.array(image) @ lattice) ** 2).sum(axis=-1)
            values += weight * np.exp(-squared / (2 * width**2)) / (2 * np.pi * width**2) ** 1.5
    return values


def water(shape: Sequence[int] = (24, 20, 28), lattice: NDArray = SKEWED, origin: NDArray | None = None) -> Grid:
    """Return a valence density of Gaussians for a water molecule in the middle of a cell: 8 electrons."""
    origin = np.array([0.3, -0.7, 1.1]) if origin is None else origin
    middle = origin + np.array([0.5, 0.5, 0.5]) @ lattice
    xyz = middle + np.array([[0.0, 0.0, 0.1], [0.76, 0.1, -0.5], [-0.76, -0.1, -0.45]])
    values = periodic_gaussians(shape, lattice, origin, xyz, (6, 1, 1), 0.45)
    return Grid(values.astype(np.float32), origin, lattice, np.array([8, 1, 1]), xyz, Quantity.ELECTRONS)


def screened_water(density: Grid) -> Grid:
    """Return the potential of the density and of Gaussian nuclei of its valence, solved in reciprocal space."""
    nuclei = periodic_gaussians(density.shape, density.lattice, density.origin, density.xyz, (6, 1, 1), 0.3)
    charge = np.fft.fftn(nuclei - density.values)
    reciprocal = 2 * np.pi * np.linalg.inv(density.lattice).T
    waves = np.stack(np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in density.shape), indexing="ij"), axis=-1)
    squared = ((waves @ reciprocal) ** 2).sum(axis=-1)
    squared[0, 0, 0] = np.inf
    values = np.fft.ifftn(4 * np.pi * COULOMB * charge / squared).real
    return Grid(values.astype(np.float32), density.origin, density.lattice, density.z, density.xyz, Quantity.POTENTIAL)


def numbers(values: NDArray, digits: int = 9, per_line: int = 6) -> str:
    """Return numbers in lines, in the order of the flat array."""
    unique, index = np.unique(values.ravel(), return_inverse=True)  # each number is formatted once
    texts = [f"{v:.{digits}E}" for v in unique.tolist()]
    words = [texts[i] for i in index.tolist()]
    return "\n".join(" ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)) + "\n"


def in_quantity(grid: Grid, quantity: Quantity) -> NDArray[np.float64]:
    """Return the values of a grid as a file of this quantity holds them, e/Å³, V or eV."""
    assert grid.quantity is quantity.canonical
    return grid.values.astype(float) * quantity.sign


def with_end_points(values: NDArray, axes: Sequence[bool] = (True, True, True)) -> NDArray:
    """Return values with the first plane repeated along some axes."""
    return np.pad(values, [(0, int(end)) for end in axes], mode="wrap")


def cube(
    grid: Grid, quantity: Quantity = Quantity.ELECTRONS, bohr: bool = True, orbital: bool = False, digits: int = 9
) -> bytes:
    """Return a Gaussian cube file."""
    unit = BOHR if bohr else 1.0
    values = in_quantity(grid, quantity)
    if bohr:
        values = values * BOHR**3 if quantity.canonical is Quantity.ELECTRONS else values / HARTREE
    f = io.StringIO()
    f.write("title\nOUTER LOOP: X, MIDDLE LOOP: Y, INNER LOOP: Z\n")
    n = -len(grid.z) if orbital else len(grid.z)
    f.write(f"{n} " + " ".join(f"{v / unit:.10f}" for v in grid.origin) + "\n")
    for points, vector in zip(grid.shape, grid.lattice, strict=True):
        f.write(f"{points if bohr else -points} " + " ".join(f"{v / points / unit:.12f}" for v in vector) + "\n")
    for z, position in zip(grid.z, grid.xyz, strict=True):
        f.write(f"{z} {float(z):.6f} " + " ".join(f"{v / unit:.10f}" for v in position) + "\n")
    if orbital:
        f.write("1 27\n")
    f.write(numbers(values, digits, 6))
    return f.getvalue().encode()


def xsf(
    grid: Grid,
    quantity: Quantity = Quantity.ELECTRONS,
    end_points: Sequence[bool] = (True, True, True),
    kind: str = "CRYSTAL",
) -> bytes:
    """Return an XSF file; kind: CRYSTAL with PRIMVEC and PRIMCOORD, or ATOMS."""
    values = with_end_points(in_quantity(grid, quantity), end_points)
    rows = ["  ".join(f"{v:.10f}" for v in vector) for vector in grid.lattice]
    atoms = [f"{z} " + " ".join(f"{v:.10f}" for v in p) for z, p in zip(grid.z, grid.xyz, strict=True)]
    lines = ["# a comment", kind]
    if kind == "CRYSTAL":
        lines += ["PRIMVEC", *rows, "CONVVEC", *rows, "PRIMCOORD", f"{len(atoms)} 1"]
    lines += [*atoms, "", "BEGIN_BLOCK_DATAGRID_3D", "density", "BEGIN_DATAGRID_3D_density"]
    lines += [" ".join(map(str, values.shape)), " ".join(f"{v:.10f}" for v in grid.origin), *rows]
    end = "END_DATAGRID_3D\nEND_BLOCK_DATAGRID_3D\n"
    return ("\n".join(lines) + "\n" + numbers(values.transpose(2, 1, 0)) + end).encode()


def chgcar(
    grid: Grid,
    quantity: Quantity = Quantity.ELECTRONS,
    direct: bool = True,
    symbols: str | None = "O H",
    scale: float = 1.0,
    further: str = "",
) -> bytes:
    """Return a CHGCAR, or a LOCPOT for a potential, of water; its origin must be 0. `further` follows the grid."""
    values = in_quantity(grid, quantity)
    if quantity.canonical is Quantity.ELECTRONS:
        values = values * grid.cell_volume
    factor = scale if scale > 0 else 1.0
    lines = ["O H", f"  {scale:.10f}", *(" ".join(f"{v / factor:.12f}" for v in vector) for vector in grid.lattice)]
    lines += [*([symbols] if symbols else []), " 1 2", "Direct" if direct else "Cartesian"]
    positions = grid.xyz @ np.linalg.inv(grid.lattice) if direct else grid.xyz / factor
    lines += [" ".join(f"{v:.12f}" for v in position) for position in positions]
    lines += ["", " ".join(map(str, grid.shape))]
    return ("\n".join(lines) + "\n" + numbers(values.transpose(2, 1, 0), per_line=5) + further).encode()


def npz(**arrays: NDArray) -> bytes:
    """Return an npz file."""
    f = io.BytesIO()
    np.savez_compressed(f, **arrays)
    return f.getvalue()


def lvec(grid: Grid) -> NDArray[np.float64]:
    """Return origin and lattice vectors as one array (4, 3)."""
    return np.concatenate([grid.origin[None], grid.lattice])


def assert_same(found: Grid, wanted: Grid, tolerance: float = 1e-6) -> None:
    """Compare two grids, values relative to the largest."""
    assert found.values.dtype == np.float32
    assert found.values.flags.c_contiguous
    assert found.shape == wanted.shape
    largest = np.abs(wanted.values).max()
    np.testing.assert_allclose(found.values, wanted.values, rtol=tolerance, atol=tolerance * 1e-3 * largest)
    np.testing.assert_allclose(found.lattice, wanted.lattice, atol=1e-8)
    np.testing.assert_allclose(found.origin, wanted.origin, atol=1e-8)
    np.testing.assert_allclose(found.xyz, wanted.xyz, atol=1e-8)
    assert found.z.tolist() == wanted.z.tolist()
    assert found.quantity is wanted.quantity
