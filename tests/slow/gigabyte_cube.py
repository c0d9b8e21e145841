"""Generates a cube file of a gigabyte, a plane at a time."""

from collections.abc import Iterator

import numpy as np

SHAPE = (482, 400, 400)
STEP = 0.2  # bohr
WIDTH = 0.6  # bohr, of the Gaussian of each atom
FILLED = range(220, 261)  # planes along x in which the density is not zero
PER_LINE = 6
NUMBER = " %12.5E"


def cube_blocks() -> Iterator[bytes]:
    """Yield a cube file of a hydrogen molecule whose density, 2 e in all, is a Gaussian at each atom."""
    nx, ny, nz = SHAPE
    atoms = [np.array([nx // 2 + shift, ny // 2, nz // 2]) * STEP for shift in (-4.5, 2.5)]  # 1.4 bohr apart
    yield _header(atoms)

    y, z = (STEP * np.arange(n) - atoms[0][axis] for axis, n in ((1, ny), (2, nz)))
    lateral = _gaussian(y)[:, None] * _gaussian(z)
    whole, rest = divmod(nz, PER_LINE)
    row = "\n".join([NUMBER * PER_LINE] * whole + [NUMBER * rest] * (rest > 0)) + "\n"
    empty = (row % ((0.0,) * nz)).encode()
    for i in range(nx):
        if i in FILLED:
            values = sum(_gaussian(STEP * i - atom[0]) for atom in atoms) * lateral
            yield b"".join((row % tuple(line)).encode() if line.max() > 1e-30 else empty for line in values)
        else:
            yield empty * ny


def _header(atoms: list[np.ndarray]) -> bytes:
    lines = ["hydrogen", "two Gaussians", f"{len(atoms)} 0 0 0"]
    for n, step in zip(SHAPE, STEP * np.eye(3), strict=True):
        lines.append(" ".join(map(str, (n, *step))))
    lines += [" ".join(map(str, (1, 1.0, *atom))) for atom in atoms]
    return "".join(f"{line}\n" for line in lines).encode()


def _gaussian(x: np.ndarray) -> np.ndarray:
    return np.exp(-(x**2) / (2 * WIDTH**2)) / np.sqrt(2 * np.pi * WIDTH**2)
