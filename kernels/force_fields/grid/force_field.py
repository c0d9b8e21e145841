"""The force field of samples that are given as potentials and densities on grids (physics.md §8)."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.device.device import Device
from kernels.device.shared import share_struct
from kernels.device.workspace import Workspace
from kernels.errors import DeviceLimit
from kernels.force_fields.base import Arrays, ForceField, Group, PreparedForceField, SamplePotential
from kernels.force_fields.grid.energy_grids import EnergyGrids
from kernels.force_fields.grid.pair_terms import NO_PAIR_TERM, PairTerms
from kernels.force_fields.grid.plane_grid import SUPPORT, PlaneGrid, TipReach
from kernels.force_fields.grid.resident import ResidentBatch
from kernels.force_fields.grid.tips import Tip
from kernels.imaging.images import Images
from kernels.per_image_atoms import PerImageAtoms
from kernels.sample_frames import SampleFrames

BELOW = 0.35  # Å that a probe may be drawn below its equilibrium
SPECTRA_BYTES = 64 << 20  # of tips' spectra on the device, beyond which all are made anew: exponents may be sampled
ABOVE = 0.45  # Å that it may be pushed above it
SMOOTH = 1.4  # Å above the highest atom: from there on every second point is enough of a sample's fields
DEEP = 3.6  # Å below the lowest probe: from there on down as well
GRID_IMAGE = share_struct(
    "grid_image_t",
    [("atom_begin", "i4"), ("atom_end", "i4"),
     ("slot", "i4"),  # where its coefficients lie among those of its plan
     ("inverse_step", "f4"),  # 1/Å
     ("bottom", "f4"), ("top", "f4")],  # Å: the z of the lowest plane and of the highest atom
)  # fmt: skip


class GridDevice:
    """Keeps on a device, between batches: the samples' splines, the tips' spectra, the memory to make energies in."""

    def __init__(
        self, device: Device, samples: ResidentBatch, tips: Sequence[Tip], memory: Workspace | None = None
    ) -> None:
        """memory: makes the buffers of intermediate results, for all tips and samples; None: a workspace of its own."""
        self.device, self.samples, self.tips = device, samples, tips
        self._memory = Workspace(device) if memory is None else memory
        self._grids: dict[PlaneGrid, EnergyGrids] = {}
        self._spectra: dict[tuple[PlaneGrid, int, float | None], npt.NDArray[np.float32]] = {}
        self._buffers: dict[tuple[Any, ...], cl.Buffer] = {}

    def with_samples(self, samples: ResidentBatch) -> "GridDevice":
        """Return the same for other samples; everything else is shared."""
        other = copy(self)
        other.samples = samples
        return other

    def grids(self, plan: PlaneGrid) -> EnergyGrids:
        """Return what makes energies on this plan."""
        if plan not in self._grids:
            self._grids[plan] = EnergyGrids(self.device, plan, self._memory)
        return self._grids[plan]

    def spectra(self, plan: PlaneGrid, pairs: tuple[tuple[int, float], ...]) -> "tuple[cl.Buffer, cl.Buffer | None]":
        """Return the spectra of (tip, exponent) pairs on the device: charges, and densities where the plan has any."""
        charges = self._upload(plan, tuple((tip, None) for tip, _ in pairs))
        return charges, self._upload(plan, pairs) if plan.density_tip_planes else None

    def _upload(self, plan: PlaneGrid, keys: tuple[tuple[int, float | None], ...]) -> "cl.Buffer":
        if (plan, keys) not in self._buffers:
            if sum(buffer.size for buffer in self._buffers.values()) > SPECTRA_BYTES:
                self._buffers.clear()
                self._spectra.clear()
            arrays = np.concatenate([self._spectrum(plan, *key) for key in keys])
            flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
            self._buffers[plan, keys] = cl.Buffer(self.device.context, flags, hostbuf=arrays)
        return self._buffers[plan, keys]

    def _spectrum(self, plan: PlaneGrid, tip: int, exponent: float | None) -> npt.NDArray[np.float32]:
        key = plan, tip, exponent
        if key not in self._spectra:
            if exponent is None:
                spectra = plan.tip_spectra(self.tips[tip].charge_planes(plan), plan.tip_planes)
            else:
                spectra = plan.tip_spectra(self.tips[tip].density_planes(plan, exponent), plan.density_tip_planes)
            self._spectra[key] = spectra
        return self._spectra[key]


@dataclass(frozen=True, eq=False)
class GridPotential(SamplePotential):
    """The potentials of B samples.

    samples: the structures; structure: (B,) i8, which of them each sample is; frames: B, how it lies in its images.
    """

    samples: ResidentBatch
    structure: Ints
    frames: SampleFrames

    def places(self, origin: Floats) -> npt.NDArray[Any]:
        """Return where positions, (B, 3) f8 in Å, lie in the grids of the samples: (B,) of RESAMPLING."""
        return self.samples.resampling(self.structure, self.frames, origin, 1.0)

    def load(self, samples: range) -> "Iterator[tuple[range, cl.Buffer, cl.Buffer]]":
        """Yield these samples in ranges, with the coefficients and the table of the structures of each."""
        structure = self.structure[samples.start : samples.stop]
        for part in self.samples.parts(structure, len(structure)):
            loaded = self.samples.load(np.unique(structure[part]).tolist())
            yield samples[part], loaded.coefficients, loaded.table


@dataclass(frozen=True, eq=False)
class PreparedGridForceField(PreparedForceField):
    """The force field for M images.

    plans: the grids of the images, each once; plan: (M,) i8, which one each image has.
    images: (M,) of GRID_IMAGE; resampling: (M,) of RESAMPLING.
    atoms: (ΣN, 8) f4: x, y, z in Å, 0, and four parameters of the pair term (pair_terms.cl).
    tip: (M,) i8; exponent, strength: (M,) f8, B and A of each image.
    points: (B, 2) f8, Å.
    structure: (B,) i8; frames: B: the structure of each sample, and how it lies in its images.
    """

    file: ClassVar[Path] = Path(__file__).with_name("grid.cl")

    held: GridDevice
    plans: tuple[PlaneGrid, ...]
    plan: Ints
    images: npt.NDArray[Any]
    resampling: npt.NDArray[Any]
    atoms: npt.NDArray[np.float32]
    pair_term: int
    tip: Ints
    exponent: Floats
    strength: Floats
    points: Floats
    structure: Ints
    frames: SampleFrames

    @property
    def potential(self) -> "GridPotential":
        """The potentials of the samples."""
        return GridPotential(self.held.samples, self.structure, self.frames)

    def arrays(self) -> Arrays:
        """Return the images' grids and the atoms."""
        return {"grid_images": self.images, "grid_atoms": self.atoms}

    @cached_property
    def device_bytes(self) -> int:
        """The bytes of the energies' coefficients, which are made on the device."""
        return sum(4 * plan.coefficients * int((self.plan == i).sum()) for i, plan in enumerate(self.plans))

    def launch(self, device: Device, memory: Workspace, working_bytes: int) -> "dict[str, cl.Buffer]":
        """Enqueue the energies of all images; return the buffers of their coefficients, one for each plan.

        Raises DeviceLimit if not even one image's planes fit in `working_bytes`.
        """
        buffers = {}
        for i, plan in enumerate(self.plans):
            chosen = np.flatnonzero(self.plan == i)
            out = memory.buffer(f"grid_coefficients_{i}", 4 * plan.coefficients * len(chosen))
            grids = self.held.grids(plan)
            chunk = working_bytes // grids.image_bytes
            if chunk == 0:
                raise DeviceLimit(
                    f"scan: the planes of one image take {grids.image_bytes} bytes of device memory while its energies "
                    f"are made, {working_bytes} are left for them"
                )
            structure = self.resampling["structure"][chosen]
            for images in self.held.samples.parts(structure, chunk):
                part = chosen[images]
                pairs = tuple(dict.fromkeys(zip(self.tip[part].tolist(), self.exponent[part].tolist(), strict=True)))
                tips = np.array([pairs.index(pair) for pair in zip(self.tip[part], self.exponent[part], strict=True)])
                charges, densities = self.held.spectra(plan, pairs)
                loaded = self.held.samples.load(np.unique(self.resampling["structure"][part]).tolist())
                made = grids.make(loaded, self.resampling[part], charges, densities, tips, self.strength[part])
                cl.enqueue_copy(
                    device.queue, out, made, byte_count=4 * plan.coefficients * len(part),
                    dst_offset=4 * plan.coefficients * images.start,
                )  # fmt: skip
            buffers[f"grid_coefficients_{i}"] = out
        return buffers

    def groups(self, key: str, images: Ints, lanes: int) -> tuple[list[Group], Arrays]:
        """Split images by their plans."""
        groups: list[Group] = []
        lists: Arrays = {}
        for i, plan in enumerate(self.plans):
            chosen = images[self.plan[images] == i]
            if len(chosen):
                name = f"{key}_{len(groups)}"
                lists[name] = chosen.astype(np.int32)
                sizes = {name: plan.defines[name] for name in ("H_X", "H_Y", "HEIGHTS")}
                groups.append(Group(name, chosen, sizes | {"PAIR_TERM": self.pair_term, "PLAN": i}, 0))
        return groups, lists

    def arguments(self, group: Group, buffers: "Mapping[str, cl.Buffer]") -> list[Any]:
        """Return the coefficients, the images' grids and the atoms."""
        names = (f"grid_coefficients_{group.defines['PLAN']}", "grid_images", "grid_atoms")
        return [buffers[name] for name in names]

    def highest_points(self) -> Floats:
        """Return the lateral position of the highest atom of each sample."""
        return self.points


@dataclass(frozen=True, eq=False)
class GridForceField(ForceField):
    """Pauli repulsion by density overlap, electrostatics by a potential, and a term for each pair of atoms.

    held: the samples' fields and the tips on the device.
    structure: (B,) i8, which of them each sample is.
    tip: (M,) i8, which tip each image has; strength, exponent: (M,) f8, A and B; both ignored without density.
    pair_terms: the term for each atom, or None; step: Å between the points and planes of the energies.
    depth: Å below the lowest unloaded probe that energies are made for: about 2.6 for height maps.
    reach: how far from the probe the tips are summed.
    """

    KIND: ClassVar[str] = "grid"

    held: GridDevice
    structure: Ints
    tip: Ints
    strength: Floats
    exponent: Floats
    pair_terms: PairTerms | None = None
    step: float = 0.2
    depth: float = BELOW
    reach: TipReach = field(default_factory=TipReach)

    def prepare(
        self, atoms: Atoms, images: Images, frames: SampleFrames | None, origin: Floats,
        per_image: PerImageAtoms | None,
    ) -> PreparedGridForceField:  # fmt: skip
        """Plan the grid of each image, and where it lies in its sample's own grid."""
        if frames is None:
            frames = SampleFrames(np.tile(np.eye(3), (atoms.molecules, 1, 1)), np.zeros((atoms.molecules, 3)))
        molecule = images.molecule
        plans, index = self._plans(images)
        table = np.zeros(len(images), GRID_IMAGE)
        count = np.diff(atoms.offsets)[molecule]
        end = np.cumsum(count)
        image = np.repeat(np.arange(len(images)), count)
        atom = np.arange(end[-1]) - np.repeat(end - count, count) + np.repeat(atoms.offsets[molecule], count)
        table["atom_begin"], table["atom_end"] = end - count, end
        for i in range(len(plans)):
            table["slot"][index == i] = np.arange((index == i).sum())
        table["inverse_step"] = 1 / self.step
        bottom = np.full(len(images), -self.depth - SUPPORT * self.step)
        table["bottom"] = bottom
        packed = np.zeros((len(atom), 8), np.float32)
        packed[:, :3] = atoms.xyz[atom] - origin[image]
        table["top"] = np.maximum.reduceat(packed[:, 2], end - count)
        if self.pair_terms is not None:
            packed[:, 4:] = self.pair_terms.parameters(atoms, images, atom, image, per_image)
        below = np.array([plan.below - plan.cut for plan in plans])[index] * self.step
        start = origin + np.column_stack((np.zeros((len(images), 2)), bottom - below))
        of_images = SampleFrames(frames.rotation[molecule], frames.origin[molecule])
        resampling = self.held.samples.resampling(self.structure[molecule], of_images, start, self.step)
        resampling["exponent"] = self.exponent
        fine = np.column_stack((np.full(len(images), -DEEP), table["top"] + SMOOTH))  # z
        resampling["fine"] = np.ceil((fine - (bottom - below)[:, None]) / self.step)
        by_height = np.lexsort((-atoms.xyz[:, 2], atoms.molecule))
        highest = by_height[atoms.offsets[:-1]]
        return PreparedGridForceField(
            self.held, plans, index, table, resampling, packed,
            self.pair_terms.kind if self.pair_terms is not None else NO_PAIR_TERM, self.tip, self.exponent,
            self.strength, atoms.xyz[highest, :2], self.structure, frames,
        )  # fmt: skip

    def _plans(self, images: Images) -> tuple[tuple[PlaneGrid, ...], Ints]:
        """Return the grids of the images, each once, and which one each image has, (M,) i8."""
        sizes = np.column_stack((images.window[:, 1, :2] - images.window[:, 0, :2], (images.nz - 1) * images.dz))
        reach = replace(self.reach, has_density=self.held.samples.has_density)
        distinct, index = np.unique(sizes.round(9), axis=0, return_inverse=True)
        plans = [
            PlaneGrid.covering(
                (x, y), height + self.depth + ABOVE, reach, self.step, shallow=self.depth - BELOW
            )
            for x, y, height in distinct.tolist()
        ]  # fmt: skip
        each = tuple(dict.fromkeys(plans))
        return each, np.array([each.index(plan) for plan in plans])[index.reshape(-1)]
