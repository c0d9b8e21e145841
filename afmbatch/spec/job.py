"""The job spec: what was asked. Its defaults are the field's common job; they are filled in and echoed back.

Lengths in Å, charges in e, stiffness in N/m, as in physics.md.
"""

import hashlib
import math
from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from afmbatch.spec.delivery import Delivery, KeepDelivery, StreamDelivery
from afmbatch.spec.descriptors import AtomicDisks, AtomRfunc, Bonds, Descriptor, HeightMap, VdwSpheres
from afmbatch.spec.distributions import reach, within
from afmbatch.spec.model import MAX_INT, Model, refusal
from afmbatch.spec.noise import Noise
from afmbatch.spec.randomise import Randomise
from afmbatch.spec.rotations import BestDirections, Rotation
from afmbatch.spec.scan import LEAST_DISTANCE, MOST_DISTANCE, Distance, Point, Scan
from afmbatch.spec.sweep import Sweep
from afmbatch.spec.tips import AtomicNumber, Tip
from afmbatch.structures.overlap import TOO_CLOSE, nearest_image

Images: TypeAlias = Annotated[int, Field(ge=0, le=20)]
_FLAT = 1e-6


class LennardJonesPointCharges(Model):
    """Lennard-Jones and point charges (physics.md §2)."""

    kind: Literal["lj_pc"] = "lj_pc"
    charges: Literal["dataset", "none"] = Field(
        default="dataset",
        description="'dataset': every structure must have charges; 'none': they count as zero.",
    )


class Periodic(Model):
    """Periodic images of a sample (physics.md §2), in its force field and its descriptors."""

    npbc: tuple[Images, Images, Images] = Field(
        default=(1, 1, 0), description="How many images each way along the lattice vectors a, b, c."
    )
    lattice: tuple[Point, Point, Point] | None = Field(
        default=None, description="Lattice vectors a, b, c of every structure, Å; null: each structure's own."
    )

    @property
    def copies(self) -> int:
        """How often each atom is there at most, its images counted."""
        return math.prod(2 * n + 1 for n in self.npbc)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.lattice is not None:
            box = math.prod(math.hypot(*vector) for vector in self.lattice)  # were they at right angles
            if abs(np.linalg.det(np.array(self.lattice))) <= _FLAT * box:
                raise refusal("lattice", self.lattice, "the vectors span no volume", "three independent vectors")
            if nearest_image(np.array(self.lattice), self.npbc) < TOO_CLOSE:
                reason = "images of an atom are on top of each other"
                raise refusal("lattice", self.lattice, reason, f"vectors that keep them {TOO_CLOSE:g} Å apart")
        return self


def common_descriptors() -> tuple[Descriptor, ...]:
    """The five descriptors of the common job."""
    return (
        VdwSpheres(kind="vdw_spheres"),
        AtomicDisks(kind="atomic_disks"),
        HeightMap(kind="height_map"),
        Bonds(kind="bonds"),
        AtomRfunc(kind="atom_rfunc"),
    )


class JobSpec(Model):
    """A job: which structures, how they are imaged, what is described, what is drawn."""

    dataset: str = Field(
        max_length=100, description="Id of the dataset whose structures are imaged.", examples=["ds-0"]
    )
    scan: Scan = Scan()
    force_field: LennardJonesPointCharges = LennardJonesPointCharges()
    periodic: Periodic | None = Field(default=None, description="Periodic images of the sample; null: it is isolated.")
    ignored_elements: Annotated[tuple[AtomicNumber, ...], Field(max_length=200)] = Field(
        default=(), description="Elements that take no part in centring and in the sample's height: a slab's."
    )
    tips: Annotated[tuple[Tip, ...], Field(min_length=1, max_length=64)] = Field(
        default=(Tip(),), description="Each sample is imaged with every tip, in this order."
    )
    distance: Distance = Field(
        default=4.5,
        description="From the contact of the Lennard-Jones spheres of probe particle and sample to the highest tip, Å.",
        examples=[4.5],
    )
    descriptors: Annotated[tuple[Descriptor, ...], Field(max_length=64)] = Field(
        default_factory=common_descriptors, description="Image descriptors, in this order."
    )
    rotations: Rotation = BestDirections(kind="directions")
    randomise: Randomise = Randomise()
    sweep: Sweep = Sweep()
    noise: Noise = Noise()
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=1,
        description="How often all structures are passed through, with fresh draws; null: without end, for a stream.",
    )
    shuffle: bool = Field(
        default=True, description="Whether the samples of an epoch come in a random order, fixed by the seed."
    )
    seed: int = Field(default=0, ge=0, le=MAX_INT, description="Everything drawn follows from it.")
    batch_size: int = Field(default=20, ge=1, le=100_000, description="Samples in a batch; the last may be smaller.")
    samples: Annotated[int, Field(ge=1, le=MAX_INT)] | None = Field(
        default=None, description="Stop after so many samples; null: every rotation of every structure in every epoch."
    )
    delivery: Delivery = KeepDelivery()
    priority: int = Field(
        default=0, ge=-10, le=10, description="Workers take tasks of a higher priority first; no part of the recipe."
    )

    @property
    def tip_pool(self) -> tuple[Tip, ...]:
        """All tips that a sample may be imaged with: the drawn, the swept or the given ones."""
        drawn = self.randomise.tip
        return self.sweep.tip or self.tips if drawn is None else drawn.values

    @property
    def image_dim(self) -> tuple[int, int]:
        """Pixels of an image along x and y."""
        return self.noise.crop or self.scan.dim[:2]

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_tilt()
        self._check_distance()
        self._check_overlap()
        self._check_crop()
        self._check_end()
        return self

    def _check_tilt(self) -> None:
        """Whatever is drawn and swept, a tip's tilt must stay shorter than its bond."""
        drawn, swept = self.randomise, self.sweep
        tilted = reach(drawn.tilt)
        longer = 0.0 if drawn.r0 is None else drawn.r0.bounds[0]
        for tip in self.tip_pool:
            r0 = min(swept.r0, default=tip.r0) + longer
            tilt = max(math.hypot(*t) for t in swept.tilt or (tip.tilt,)) + tilted
            if tilt < r0:
                continue
            if r0 <= 0:
                reason = f"a tip's bond could be {r0:g} Å long"
                raise refusal("randomise.r0", longer, reason, "bonds that stay longer than 0 Å")
            # What was asked for besides the tip, which alone is sound.
            asked = {
                "randomise.tilt": (drawn.tilt, tilted),
                "randomise.r0": (drawn.r0, longer),
                "sweep.tilt": (swept.tilt, tilt),
                "sweep.r0": (swept.r0, r0),
            }
            field, value = next((field, value) for field, (given, value) in asked.items() if given)
            reason = f"a tip's tilt could be as long as its bond: {tilt:g} Å of {r0:g} Å"
            raise refusal(field, value, reason, "a longest tilt that is shorter than the shortest bond")

    def _check_distance(self) -> None:
        """Whatever is drawn, the distance stays one that could be given."""
        if (drawn := self.randomise.distance) is None:
            return
        given = self.sweep.distance or (self.distance,)
        within("randomise.distance", drawn, LEAST_DISTANCE - min(given), MOST_DISTANCE - max(given))

    def _check_overlap(self) -> None:
        for name in ("df_steps", "lateral_stiffness", "radial_stiffness", "tip"):
            if getattr(self.sweep, name) and getattr(self.randomise, name) is not None:
                given = list(getattr(self.sweep, name))
                shown = len(given) if name == "tip" else given
                raise refusal(f"sweep.{name}", shown, f"randomise.{name} draws it instead", "one of the two")

    def _check_crop(self) -> None:
        crop, dim = self.noise.crop, self.scan.dim[:2]
        if crop is None:
            return
        if crop[0] > dim[0] or crop[1] > dim[1]:
            raise refusal("noise.crop", crop, "larger than the scan", f"at most {list(dim)}")

    def _check_end(self) -> None:
        if self.epochs is None and not isinstance(self.delivery, StreamDelivery):
            raise refusal(
                "epochs", None, "only a stream can be without end", "a number, or a delivery of kind 'stream'"
            )

    @property
    def digest(self) -> str:
        """sha256 of the spec with its defaults filled in, but for its priority."""
        return hashlib.sha256(self.model_dump_json(exclude={"priority"}).encode()).hexdigest()
