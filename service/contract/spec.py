"""The job spec: what was asked. Its defaults are the field's common job; they are filled in and echoed back.

Lengths in Å, charges in e, stiffness in N/m, as in physics.md.
"""

import hashlib
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from service.contract.descriptors import AtomicDisks, AtomRfunc, Bonds, Descriptor, HeightMap, VdwSpheres
from service.contract.elements import elements
from service.contract.model import MAX_INT, Finite, Model, refusal

Point: TypeAlias = tuple[Finite, Finite, Finite]
Charge: TypeAlias = Annotated[float, Field(ge=-1000, le=1000)]
Spring: TypeAlias = Annotated[float, Field(ge=0, le=10_000)]
Pixels: TypeAlias = Annotated[int, Field(ge=2, le=4096)]


class Scan(Model):
    """The scan window and how it is sampled (physics.md §1)."""

    window: tuple[Point, Point] = Field(
        default=((2.0, 2.0, 5.0), (18.0, 18.0, 6.9)),
        description="Corners (x0, y0, z0), (x1, y1, z1) of the tip's positions, Å.",
    )
    dim: tuple[Pixels, Pixels, Annotated[int, Field(ge=2, le=4096)]] = Field(
        default=(128, 128, 19), description="Pixels along x and y, and tip heights."
    )
    df_steps: int = Field(
        default=10,
        ge=1,
        le=4096,
        description="Oscillation amplitude, peak to peak, in vertical steps; 1 acts as 2.",
    )

    @property
    def n_out(self) -> int:
        """Slices of the Δf image (physics.md §4)."""
        return self.dim[2] - max(self.df_steps, 2) + 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        for axis, low, high in zip("xyz", *self.window, strict=True):
            if not high > low:
                raise refusal(
                    "window",
                    self.window,
                    f"the window is empty along {axis}",
                    f"{axis}1 greater than {axis}0 = {low:g}",
                )
        if self.df_steps > self.dim[2]:
            raise refusal(
                "df_steps",
                self.df_steps,
                f"the oscillation needs {self.df_steps} heights, the scan has {self.dim[2]}",
                f"an integer from 1 to dim[2] = {self.dim[2]}",
            )
        return self


class Tip(Model):
    """A probe particle on its spring (physics.md §2 and §3). The default is CO."""

    element: int = Field(default=8, ge=1, le=elements().last, description="Atomic number of the probe particle.")
    charges: Annotated[tuple[Charge, ...], Field(max_length=4)] = Field(
        default=(-10.0, 20.0, -10.0, 0.0), description="Up to four point charges on the probe particle, e."
    )
    charge_z: Annotated[tuple[Finite, ...], Field(max_length=4)] = Field(
        default=(0.1, 0.0, -0.1, 0.0), description="Heights of these charges above its centre, Å."
    )
    tilt: tuple[Finite, Finite] = Field(
        default=(0.0, 0.0), description="Equilibrium offset (t_x, t_y) from the tip, Å."
    )
    r0: float = Field(default=3.0, gt=0, le=100, description="Bond length between tip and probe particle, Å.")
    stiffness: tuple[Spring, Spring, Spring, Spring] = Field(
        default=(0.25, 0.25, 0.0, 30.0), description="Spring constants (k_x, k_y, k_z, k_r), N/m."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.charge_z) != len(self.charges):
            raise refusal("charge_z", self.charge_z, "one height a charge is needed", f"{len(self.charges)} numbers")
        if not self.tilt[0] ** 2 + self.tilt[1] ** 2 < self.r0**2:
            raise refusal("tilt", self.tilt, "the tilt is as long as the bond", f"a length below r0 = {self.r0:g} Å")
        k_x, k_y, k_z, k_r = self.stiffness
        if not (k_x > 0 and k_y > 0 and k_z + k_r > 0):
            raise refusal(
                "stiffness",
                self.stiffness,
                "nothing holds the probe particle",
                "k_x > 0, k_y > 0 and k_z + k_r > 0",
            )
        return self


class LennardJonesPointCharges(Model):
    """Lennard-Jones and point charges (physics.md §2)."""

    kind: Literal["lj_pc"] = "lj_pc"
    charges: Literal["dataset", "none"] = Field(
        default="dataset",
        description="'dataset': every structure must have charges; 'none': they count as zero.",
    )


class Unrotated(Model):
    """Each structure once, as posted."""

    kind: Literal["none"]

    @property
    def n(self) -> int:
        """Rotations of each structure."""
        return 1


class BestDirections(Model):
    """Directions spread over the sphere by the golden angle, the best of them by entropy (physics.md §6)."""

    kind: Literal["directions"]  # required, as in every union: it says which one is meant
    directions: int = Field(default=100, ge=1, le=100_000, description="Directions to choose from.")
    best: int = Field(default=30, ge=1, le=100_000, description="How many are kept for each structure.")

    @property
    def n(self) -> int:
        """Rotations of each structure."""
        return self.best

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.best > self.directions:
            raise refusal("best", self.best, "more than there are directions", f"at most {self.directions}")
        return self


class Uniform(Model):
    """Uniform on [low, high)."""

    kind: Literal["uniform"] = "uniform"
    low: Finite
    high: Finite

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.high < self.low:
            raise refusal("high", self.high, "below low", f"at least {self.low:g}")
        return self


class Disk(Model):
    """Uniform on a disk."""

    kind: Literal["disk"] = "disk"
    radius: float = Field(ge=0, le=100, description="Å")


class Randomise(Model):
    """What is drawn for each sample and added to the value given, the same for all its tips; null: nothing."""

    distance: Uniform | None = Field(default=None, description="Added to the tip-sample distance, Å.")
    tilt: Disk | None = Field(default=None, description="Added to each tip's tilt, Å.")


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
    tips: Annotated[tuple[Tip, ...], Field(min_length=1, max_length=64)] = Field(
        default=(Tip(),), description="Each sample is imaged with every tip, in this order."
    )
    distance: float = Field(
        default=4.5, ge=-10, le=100, description="Tip-sample distance (physics.md §5), Å.", examples=[4.5]
    )
    descriptors: Annotated[tuple[Descriptor, ...], Field(max_length=64)] = Field(
        default_factory=common_descriptors, description="Image descriptors, one channel each, in this order."
    )
    rotations: Annotated[BestDirections | Unrotated, Field(discriminator="kind")] = BestDirections(kind="directions")
    randomise: Randomise = Randomise()
    shuffle: bool = Field(default=True, description="Whether samples come in a random order, fixed by the seed.")
    seed: int = Field(default=0, ge=0, le=MAX_INT, description="Everything drawn follows from it.")
    batch_size: int = Field(default=20, ge=1, le=100_000, description="Samples in a batch; the last may be smaller.")
    samples: Annotated[int, Field(ge=1, le=MAX_INT)] | None = Field(
        default=None, description="Stop after so many samples; null: every rotation of every structure."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        drawn = self.randomise.tilt.radius if self.randomise.tilt else 0.0
        for i, tip in enumerate(self.tips):
            room = tip.r0 - (tip.tilt[0] ** 2 + tip.tilt[1] ** 2) ** 0.5
            if drawn >= room:
                raise refusal(
                    "randomise.tilt.radius",
                    drawn,
                    f"a drawn tilt could be as long as the bond of tip {i}",
                    f"a radius below {room:g} Å",
                )
        return self

    @property
    def digest(self) -> str:
        """sha256 of the spec with its defaults filled in."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
