"""What is measured: jobs over molecules, and their samples placed once, for our engine and the peer alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
from worker.engine.bond_cache import BondCache
from worker.engine.orientations import Orientations

SHIPPED = files("afmbatch") / "molecules"
LARGER = Path(__file__).with_name("molecules")
CO = Tip()
XE = Tip(element=54, charges=(0.3,), charge_z=(0.0,))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One placed molecule of N atoms under T tips.

    xyz: (N, 3), Å; charge: (N,), e; number: (N,) atomic numbers; window: (T, 2, 3), Å, each tip's scan window in the
    frame of xyz; tilt: (T, 2), Å.
    """

    xyz: NDArray[np.float64]
    charge: NDArray[np.float64]
    number: NDArray[np.int64]
    window: NDArray[np.float64]
    tilt: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """A job over molecules."""

    name: str
    spec: JobSpec
    structures: Structures

    def batch(self, size: int, number: int = 0) -> Bound:
        """The job's batch of that number, if its batches had `size` samples, as the worker hands it to the kernels."""
        plan = Plan(Recipe.of(self.spec.model_copy(update={"batch_size": size}), len(self.structures)))
        return bind(self.spec, self.structures, self._rotations, self._bonding, plan.draw(plan.numbers(number)))

    @cached_property
    def _bonding(self) -> BondCache:
        return BondCache(self.structures)

    @cached_property
    def _rotations(self) -> Orientations:
        return Orientations(self.spec, self.structures)


def samples(bound: Bound) -> list[Sample]:
    """A batch sample by sample, for an engine that knows no batches."""
    atoms, tips = bound.atoms, bound.window.shape[1]
    spans = [slice(*ends) for ends in zip(atoms.offsets[:-1], atoms.offsets[1:], strict=True)]
    tilts = bound.images.tilt.reshape(-1, tips, 2)
    return [
        Sample(atoms.xyz[span], atoms.charge[span], bound.number[span], window, tilt)
        for span, window, tilt in zip(spans, bound.window, tilts, strict=True)
    ]


def cases() -> list[Case]:
    """The common job on the shipped molecules with one tip and with two; and on molecules of 60 and 200 atoms."""
    shipped = _read(sorted((f for f in SHIPPED.iterdir()), key=lambda f: f.name))
    return [
        Case("seed", _common_job(CO), shipped),
        Case("seed, two tips", _common_job(CO, XE), shipped),
        Case("60 atoms", _common_job(CO), _read([LARGER / "hexabenzocoronene.xyz"])),
        Case("200 atoms", _common_job(CO), _read([LARGER / "graphene_flake.xyz"])),
    ]


def _common_job(*tips: Tip) -> JobSpec:
    """What the demo asks for; all that is not said here is the spec's default."""
    randomise = Randomise(distance=Uniform(kind="uniform", low=-0.2, high=0.2), tilt=Disk(kind="disk", radius=0.3))
    return JobSpec(dataset="benchmark", tips=tips, randomise=randomise, seed=2026)


def _read(molecules: Sequence[Traversable]) -> Structures:
    return read_structures([Upload(m.name, BytesIO(m.read_bytes())) for m in molecules], Settings())
