"""Defines the batch file, format 1: an uncompressed npz file whose bytes depend only on its arrays."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.plan import Plan
from afmbatch.spec.descriptors import channel_names, own_arrays
from afmbatch.spec.job import JobSpec
from afmbatch.storage.zip_writer import Chunk, zip_chunks

FORMAT = 1
MEDIA_TYPE = "application/vnd.numpy.npz"
_ATOM_BYTES = 300  # approximate memory of an atom under a tip in a worker, over all arrays, until it is on the device


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B samples under T tips with D descriptor channels and ΣN atoms.

    by_sample has arrays whose first axis is B; the other axes, dtypes and units are:
    afm: (T, nx, ny, n_out) f4, Δf in Hz, or as the noise steps leave it; slice 0 is the farthest from the sample.
    desc: (D, nx, ny) f4.
    desc_<name>: (C, nx', ny') f4, for each descriptor with a `dim` of its own.
    quality: (T,) u1, flags of `kernels.Quality`.
    scan_windows: (T, 2, 3) f4, Å, in the frame of mols.
    heights: (T, n_out, 2) f4, Å, tip above the highest counted atom at the upper and at the lower turning point of the
    oscillation.
    rotation: (3, 3) f4. distance: (T,) f4, Å. df_steps: (T,) i4. tip_tilt: (T, 2) f4, Å. r0: (T,) f4, Å.
    stiffness: (T, 4) f4, N/m.
    structure, epoch, sample: () i8.

    The following arrays are only in files of jobs whose spec lets them differ between samples:
    tip: (T,) i4, index in the swept or randomised tips. tip_element: (T,) i4. tip_charges: (T, 4) f4, e.
    tip_charge_z: (T, 4) f4, Å. tip_lj: (T, 2) f4, radius in Å and depth in eV.
    sample_charges: (T,) f4, the factor by which the charges in mols were multiplied.
    offset: (2,) f4, Å. lattice: (3, 3) f4, Å, as imaged, NaN without one. crop: (2,) i4, first pixel in the scan.
    sweep: () i4. pauli_strength, pauli_exponent: (T,) f4.
    The parameters that noise steps record: drift: (T, n_out, 2) f4, Å. gradient: (T, 2) f4. noise_amplitude: (T,) f4.
    cutouts: (T, rectangles, 4) i4.

    by_atom has arrays whose first axis is ΣN; the atoms of sample b are mol_offsets[b]:mol_offsets[b+1]:
    mols: (5,) f4, x, y, z in Å, charge in e and atomic number, as the last tip images them.
    lj: (T, 2) f4, radius in Å and depth in eV under each tip, if these are randomised.

    whole has arrays about the batch as a whole: desc_names: (D,) text; meta: () JSON text.
    """

    by_sample: Mapping[str, NDArray[Any]]
    by_atom: Mapping[str, NDArray[Any]]
    mol_offsets: NDArray[np.int64]
    whole: Mapping[str, NDArray[Any]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, in the order of the file."""
        return {**self.by_sample, **self.by_atom, "mol_offsets": self.mol_offsets, **self.whole}

    def part(self, begin: int, end: int) -> Self:
        """Return samples begin to end − 1 as a batch of their own, whose arrays are views."""
        offsets = self.mol_offsets[begin : end + 1]
        return type(self)(
            {name: array[begin:end] for name, array in self.by_sample.items()},
            {name: array[offsets[0] : offsets[-1]] for name, array in self.by_atom.items()},
            offsets - offsets[0],
            self.whole,
        )


def npz_chunks(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Chunk]:
    """Yield the npz file of these arrays in chunks; chunks of large arrays are views.

    Raises ValueError for an array of Python objects.
    """
    return zip_chunks((f"{name}.npy", _npy(array)) for name, array in arrays.items())


def _npy(array: NDArray[Any]) -> Iterator[Chunk]:
    yield npy_header(array.dtype, array.shape)
    # Cast by numpy: a memoryview can't be cast where a length is zero or the items are text.
    yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


@lru_cache(maxsize=1024)
def npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return the bytes before an array's data in an npy file. Raises ValueError for a dtype with Python objects."""
    if dtype.hasobject:
        raise ValueError("object arrays can't be in a batch file")
    f = io.BytesIO()
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(f, header)
    return f.getvalue()


def file_bytes(spec: JobSpec, samples: int) -> int:
    """Return the approximate size of a batch file with this number of samples, in bytes.

    Only images and descriptors are counted.
    """
    nx, ny = spec.image_dim
    images = nx * ny * (len(spec.tips) * spec.scan.n_out + len(channel_names(spec.descriptors)))
    own = sum(len(d.channels) * d.dim[0] * d.dim[1] for d in own_arrays(spec.descriptors).values() if d.dim)
    return samples * 4 * (images + own)


def memory_bytes(spec: JobSpec, samples: int, atoms: float) -> int:
    """Return the approximate memory that samples occupy in a worker, in bytes. atoms: their total number of atoms."""
    return file_bytes(spec, samples) + round(atoms * len(spec.tips) * _ATOM_BYTES)


def planned_memory_bytes(plan: Plan, samples: int) -> int:
    """Return `memory_bytes` of this number of samples, whose structures have the plan's mean number of atoms."""
    return memory_bytes(plan.spec, samples, samples * plan.mean_atoms)
