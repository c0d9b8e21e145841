"""The scan: where the tip goes, and how often it measures (physics.md §1 and §4)."""

from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.model import Finite, Model, refusal

LEAST_DISTANCE, MOST_DISTANCE = -10.0, 100.0  # Å between tip and sample
Distance: TypeAlias = Annotated[float, Field(ge=LEAST_DISTANCE, le=MOST_DISTANCE)]
Point: TypeAlias = tuple[Finite, Finite, Finite]
Pixels: TypeAlias = Annotated[int, Field(ge=2, le=4096)]
DfSteps: TypeAlias = Annotated[int, Field(ge=1, le=4096)]


class Scan(Model):
    """The scan window and how it is sampled (physics.md §1)."""

    window: tuple[Point, Point] = Field(
        default=((2.0, 2.0, 5.0), (18.0, 18.0, 6.9)),
        description="Corners (x0, y0, z0), (x1, y1, z1) of the tip's positions, Å.",
    )
    dim: tuple[Pixels, Pixels, Annotated[int, Field(ge=2, le=4096)]] = Field(
        default=(128, 128, 19),
        description="Pixels along x and y, the first and the last on the window's edges; "
        "tip heights, the highest at z1, (z1 − z0) / dim[2] apart.",
    )
    df_steps: DfSteps = Field(
        default=10, description="Oscillation amplitude, peak to peak, in vertical steps; 1 acts as 2."
    )

    @property
    def n_out(self) -> int:
        """Slices of the Δf image (physics.md §4), whatever amplitude a sample gets."""
        return self.dim[2] - max(self.df_steps, 2) + 1

    @property
    def dz(self) -> float:
        """Vertical step, Å."""
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
        return self
