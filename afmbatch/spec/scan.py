"""The scan: the positions of the tip and how they are sampled (physics.md §1 and §4)."""

from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.model import Finite, Model, refusal

MIN_DISTANCE, MAX_DISTANCE = -10.0, 100.0  # Å between tip and sample
Distance: TypeAlias = Annotated[float, Field(ge=MIN_DISTANCE, le=MAX_DISTANCE)]
Point: TypeAlias = tuple[Finite, Finite, Finite]
Pixels: TypeAlias = Annotated[int, Field(ge=2, le=4096)]
DfSteps: TypeAlias = Annotated[int, Field(ge=1, le=4096)]


class Scan(Model):
    """The scan window and how it is sampled (physics.md §1)."""

    window: tuple[Point, Point] = Field(
        default=((2.0, 2.0, 5.0), (18.0, 18.0, 6.9)),
        description="Corners (x0, y0, z0) and (x1, y1, z1) of the box of tip positions, in Å.",
    )
    dim: tuple[Pixels, Pixels, Annotated[int, Field(ge=2, le=4096)]] = Field(
        default=(128, 128, 19),
        description="Number of pixels along x and y, the first and the last of them on the edges of the window; and "
        "number of tip heights, the highest at z1 and the others (z1 − z0) / dim[2] apart.",
    )
    crop: tuple[Pixels, Pixels] | None = Field(
        default=None,
        description="Number of pixels along x and y of a part of the scan, at a random place for each sample. Images "
        "and descriptors show this part only, and nothing else is simulated; null: the whole scan.",
    )
    df_steps: DfSteps = Field(
        default=10, description="Oscillation amplitude, peak to peak, in vertical steps of the scan; 1 acts as 2."
    )

    @property
    def n_out(self) -> int:
        """The number of slices of the Δf image (physics.md §4), whatever amplitude a sample gets."""
        return self.dim[2] - max(self.df_steps, 2) + 1

    @property
    def dz(self) -> float:
        """The vertical step in Å."""
        return (self.window[1][2] - self.window[0][2]) / self.dim[2]

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
        if self.crop is not None and (self.crop[0] > self.dim[0] or self.crop[1] > self.dim[1]):
            raise refusal("crop", self.crop, "the crop is larger than the scan", f"at most {list(self.dim[:2])}")
        return self
