"""Defines the job spec. Its defaults are the common job of the field; they are filled in and returned to the user.

Lengths are in Å, charges in e, stiffness in N/m, as in physics.md.
"""

import hashlib
import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from afmbatch.spec.delivery import Delivery, KeepDelivery, StreamDelivery
from afmbatch.spec.descriptors import (
    AnyDescriptor,
    AtomicDisks,
    AtomRfunc,
    Bonds,
    Descriptor,
    EsMap,
    HeightMap,
    VdwSpheres,
)
from afmbatch.spec.distributions import check_bounds, max_length
from afmbatch.spec.force_fields import AnyForceField, LennardJonesPointCharges
from afmbatch.spec.model import MAX_INT, Model, refusal
from afmbatch.spec.noise import AnyNoiseStep, check_each_kind_once, check_recorded_names
from afmbatch.spec.periodic import Periodic
from afmbatch.spec.randomise import Randomise
from afmbatch.spec.rotations import BestDirections, Rotation
from afmbatch.spec.scan import MAX_DISTANCE, MIN_DISTANCE, Distance, Scan
from afmbatch.spec.sweep import Sweep
from afmbatch.spec.tip_densities import UploadedTip
from afmbatch.spec.tips import AtomicNumber, Tip


def common_descriptors() -> tuple[Descriptor, ...]:
    """Return the five descriptors of the common job."""
    return (
        VdwSpheres(kind="vdw_spheres"),
        AtomicDisks(kind="atomic_disks"),
        HeightMap(kind="height_map"),
        Bonds(kind="bonds"),
        AtomRfunc(kind="atom_rfunc"),
    )


class JobSpec(Model):
    """A job: the structures, how they are imaged, the descriptors, and the randomised quantities."""

    dataset: str = Field(
        max_length=100, description="Id of the dataset whose structures are imaged.", examples=["ds-0"]
    )
    scan: Scan = Field(
        default=Scan(), description="Scan window, numbers of pixels and heights, and oscillation amplitude."
    )
    force_field: AnyForceField = Field(
        default=LennardJonesPointCharges(kind="lj_pc"), description="Force field between probe particle and sample."
    )
    periodic: Periodic | None = Field(
        default=None, description="Periodic images of the sample; null: the sample is isolated."
    )
    ignored_elements: Annotated[tuple[AtomicNumber, ...], Field(max_length=200)] = Field(
        default=(),
        description="Atomic numbers of elements that are ignored when the sample is centred and its height is "
        "measured, for example those of the substrate.",
    )
    tips: Annotated[tuple[Tip, ...], Field(min_length=1, max_length=64)] = Field(
        default=(Tip(),), description="Tips; each sample is imaged with every one of them, in this order."
    )
    distance: Distance = Field(
        default=4.5,
        description="Tip-sample distance, in Å, from the contact of the Lennard-Jones spheres of probe particle and "
        "sample up to the highest position of the tip; with scan.anchor 'bottom' up to the lower edge of the window.",
        examples=[4.5],
    )
    descriptors: Annotated[tuple[AnyDescriptor, ...], Field(max_length=64)] = Field(
        default_factory=common_descriptors, description="Image descriptors, in the order of their channels."
    )
    rotations: Rotation = Field(
        default=BestDirections(kind="directions"), description="Orientations in which each structure is imaged."
    )
    randomise: Randomise = Field(
        default=Randomise(), description="Randomised quantities; by default nothing is randomised."
    )
    sweep: Sweep = Field(
        default=Sweep(), description="Lists of values; each sample is simulated with all combinations of them."
    )
    noise: Annotated[tuple[AnyNoiseStep, ...], Field(max_length=64)] = Field(
        default=(),
        description="Noise steps that change the simulated images, applied in this order; each kind at most once. By "
        "default the list is empty and images are in Hz. Shares of a slice's range refer to the slice as the preceding "
        "drift and normalise steps left it.",
    )
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=1,
        description="Number of passes through all structures, each with newly sampled quantities; null: without end, "
        "which needs a delivery of kind 'stream'.",
    )
    shuffle: bool = Field(
        default=True,
        description="Order of the samples in an epoch. true: random, determined by the seed; false: by sample number.",
    )
    seed: int = Field(default=0, ge=0, le=MAX_INT, description="Seed from which all random numbers of the job follow.")
    batch_size: int = Field(
        default=20, ge=1, le=100_000, description="Number of samples in a batch; the last batch may be smaller."
    )
    samples: Annotated[int, Field(ge=1, le=MAX_INT)] | None = Field(
        default=None,
        description="Number of samples after which the job ends; null: every rotation of every structure, with every "
        "combination of the sweep, in every epoch.",
    )
    delivery: Delivery = Field(
        default=KeepDelivery(kind="keep"), description="How batches are delivered: kept, or streamed through a buffer."
    )
    priority: int = Field(
        default=0,
        ge=-10,
        le=10,
        description="Priority of the job's tasks: workers take tasks of a higher priority first. It is not part of the "
        "recipe and does not change the samples.",
    )

    @property
    def tip_pool(self) -> tuple[Tip, ...]:
        """The tips that a sample can be imaged with: the randomised tips, else the swept ones, else `tips`."""
        randomised = self.randomise.tip
        return self.sweep.tip or self.tips if randomised is None else randomised.values

    @property
    def tip_ids(self) -> tuple[str, ...]:
        """The ids of the uploaded tips that samples can be imaged with, each once."""
        densities = [tip.density for tip in self.tip_pool]
        return tuple(dict.fromkeys(density.id for density in densities if isinstance(density, UploadedTip)))

    @property
    def image_dim(self) -> tuple[int, int]:
        """The number of pixels of an image along x and y."""
        return self.scan.crop or self.scan.dim[:2]

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_tilt()
        self._check_distance()
        self._check_sweep()
        self._check_epochs()
        self._check_tip_densities()
        self._check_randomised_force_field()
        check_each_kind_once(self.noise)
        check_recorded_names(self.noise)
        return self

    def _check_tilt(self) -> None:
        """Refuse tilts that could be as long as the bond of their tip, whatever is sampled and swept."""
        randomise, sweep = self.randomise, self.sweep
        tilt_added = max_length(randomise.tilt)
        r0_added = 0.0 if randomise.r0 is None else randomise.r0.bounds[0]
        for tip in self.tip_pool:
            r0 = min(sweep.r0, default=tip.r0) + r0_added
            tilt = max(math.hypot(*t) for t in sweep.tilt or (tip.tilt,)) + tilt_added
            if tilt < r0:
                continue
            if r0 <= 0:
                reason = f"a tip's bond could be {r0:g} Å long"
                raise refusal("randomise.r0", r0_added, reason, "bonds that stay longer than 0 Å")
            # Each tip was validated by itself, so one of these fields makes its tilt too long.
            fields = {
                "randomise.tilt": (randomise.tilt, tilt_added),
                "randomise.r0": (randomise.r0, r0_added),
                "sweep.tilt": (sweep.tilt, tilt),
                "sweep.r0": (sweep.r0, r0),
            }
            field, value = next((field, value) for field, (given, value) in fields.items() if given)
            reason = f"a tip's tilt could be as long as its bond: {tilt:g} Å of {r0:g} Å"
            raise refusal(field, value, reason, "a longest tilt that is shorter than the shortest bond")

    def _check_distance(self) -> None:
        """Refuse randomised distances beyond the bounds of given ones."""
        if (added := self.randomise.distance) is None:
            return
        given = self.sweep.distance or (self.distance,)
        check_bounds("randomise.distance", added, MIN_DISTANCE - min(given), MAX_DISTANCE - max(given))

    def _check_sweep(self) -> None:
        """Refuse quantities that are swept and replaced by a randomised value."""
        for name in ("df_steps", "lateral_stiffness", "radial_stiffness", "tip", "pauli_strength", "pauli_exponent"):
            if getattr(self.sweep, name) and getattr(self.randomise, name) is not None:
                values = list(getattr(self.sweep, name))
                value = f"{len(values)} tips" if name == "tip" else values
                reason = f"randomise.{name} replaces the swept values"
                raise refusal(f"sweep.{name}", value, reason, "one of the two")

    def _check_epochs(self) -> None:
        if self.epochs is None and not isinstance(self.delivery, StreamDelivery):
            reason = "only a stream can be without end"
            raise refusal("epochs", None, reason, "a number, or a delivery of kind 'stream'")

    def _check_tip_densities(self) -> None:
        """Refuse tips that the force field cannot use."""
        force_field = self.force_field
        for i, tip in enumerate(self.tip_pool):
            value = None if tip.density is None else tip.density.model_dump()
            if force_field.needs_density and not isinstance(tip.density, UploadedTip):
                reason = f"the force field {force_field.kind} needs the tip's electron density"
                accepted = "an uploaded tip: {'kind': 'tip', 'id': …}"
            elif not force_field.needs_potential and tip.density is not None:
                reason = f"the force field {force_field.kind} uses the tip's point charges only"
                accepted = "null, or the force field lj_hartree or fdbm"
            else:
                continue
            raise refusal(f"{self.tip_pool_field}[{i}].density", value, reason, accepted)

    @property
    def tip_pool_field(self) -> str:
        """The path of the field that `tip_pool` is taken from."""
        if self.randomise.tip is not None:
            return "randomise.tip.values"
        return "sweep.tip" if self.sweep.tip else "tips"

    def _check_randomised_force_field(self) -> None:
        """Refuse randomised and swept quantities, and descriptors, that the force field knows nothing of."""
        kind = self.force_field.kind
        names = [] if self.force_field.needs_density else ["pauli_strength", "pauli_exponent"]
        if self.force_field.needs_potential:
            names += ["tip_charges", "sample_charges"]
        for name in names:
            for field, value in (("randomise", getattr(self.randomise, name)), ("sweep", getattr(self.sweep, name))):
                if value:
                    given = value.model_dump() if isinstance(value, Model) else list(value)
                    reason = f"the force field {kind} has no such quantity"
                    raise refusal(f"{field}.{name}", given, reason, "null" if field == "randomise" else "an empty list")
        for i, descriptor in enumerate(self.descriptors):
            if self.force_field.needs_potential and isinstance(descriptor, EsMap):
                reason = f"it shows the field of point charges, which the force field {kind} does not have"
                raise refusal(f"descriptors[{i}].kind", descriptor.kind, reason, "'es_map_constant', or no such map")

    @property
    def digest(self) -> str:
        """The sha256 of the spec with its defaults filled in, without its priority."""
        return hashlib.sha256(self.model_dump_json(exclude={"priority"}).encode()).hexdigest()
