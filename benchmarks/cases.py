"""The jobs that are measured. Their samples are placed once, for both engines."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afmbatch.cli.molecules import shipped_molecules
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.distributions import Disk, Uniform
from afmbatch.spec.job import JobSpec
from afmbatch.spec.randomise import Randomise
from afmbatch.spec.tips import Tip
from afmbatch.structures.ingest import Upload, read_structures
from afmbatch.structures.structures import Structures
from worker.engine.binding import Bound, bind
from worker.engine.bond_cache import Bonding
from worker.engine.orientations import Orientations

LARGER_MOLECULES = Path(__file__).with_name("molecules")
CO = Tip()
XE = Tip(element=54, charges=(0.3,), charge_z=(0.0,))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A placed molecule of N atoms under T tips."""

    xyz: NDArray[np.float64]  #: (N, 3), Å.
    charge: NDArray[np.float64]  #: (N,), e.
    number: NDArray[np.int64]  #: (N,), atomic numbers.
    window: NDArray[np.float64]  #: (T, 2, 3), Å, the scan window of each tip in the frame of xyz.
    tilt: NDArray[np.float64]  #: (T, 2), Å.


@dataclass(frozen=True, eq=False)
class Case:
    """A job on some molecules."""

    name: str
    spec: JobSpec
    structures: Structures

    def batch(self, size: int, number: int = 0) -> Bound:
        """Return batch `number` of the job with `size` samples a batch, as the worker gives it to the kernels."""
        spec = self.spec.model_copy(update={"batch_size": size})
        plan = Plan(Recipe.of(spec, len(self.structures), len(self.structures.z)))
        parameters = plan.sample_parameters(plan.numbers(number))
        return bind(self.spec, self.structures, self._rotations, self._bonding, parameters)

    @cached_property
    def _bonding(self) -> Bonding:
        return Bonding(self.structures)

    @cached_property
    def _rotations(self) -> Orientations:
        return Orientations(self.spec, self.structures)


def samples(bound: Bound) -> list[Sample]:
    """Return the samples of a batch, for an engine without batches."""
    atoms, tips = bound.atoms, bound.window.shape[1]
    spans = [slice(*ends) for ends in zip(atoms.offsets[:-1], atoms.offsets[1:], strict=True)]
    tilts = bound.images.tilt.reshape(-1, tips, 2)
    return [
        Sample(atoms.xyz[span], atoms.charge[span], bound.number[span], window, tilt)
        for span, window, tilt in zip(spans, bound.window, tilts, strict=True)
    ]


def cases() -> list[Case]:
    """Return the common job on the shipped molecules, with one tip and two, and on molecules of 60 and 200 atoms."""
    shipped = _read(shipped_molecules())
    return [
        Case("seed", _common_job(CO), shipped),
        Case("seed, two tips", _common_job(CO, XE), shipped),
        Case("60 atoms", _common_job(CO), _read([LARGER_MOLECULES / "hexabenzocoronene.xyz"])),
        Case("200 atoms", _common_job(CO), _read([LARGER_MOLECULES / "graphene_flake.xyz"])),
    ]


def _common_job(*tips: Tip) -> JobSpec:
    """Return the job of the demo. Fields that are not named here keep their defaults."""
    randomise = Randomise(distance=Uniform(kind="uniform", low=-0.2, high=0.2), tilt=Disk(kind="disk", radius=0.3))
    return JobSpec(dataset="benchmark", tips=tips, randomise=randomise, seed=2026)


def _read(molecules: Sequence[Path]) -> Structures:
    return read_structures([Upload(m.name, BytesIO(m.read_bytes())) for m in molecules], Settings())
