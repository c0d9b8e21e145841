"""Defines the scan: the positions of the tip and the oscillation amplitude (physics.md §1 and §4)."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.model import Finite, Model, refusal

_WHOLE = 1e-3  # part of a vertical step by which an amplitude may miss a whole number of them
MIN_DISTANCE, MAX_DISTANCE = -10.0, 100.0  # Å between tip and sample
Distance: TypeAlias = Annotated[float, Field(ge=MIN_DISTANCE, le=MAX_DISTANCE)]
Point: TypeAlias = tuple[Finite, Finite, Finite]
Pixels: TypeAlias = Annotated[int, Field(ge=2, le=4096)]
DfSteps: TypeAlias = Annotated[int, Field(ge=1, le=4096)]


class Scan(Model):
    """The scan window, its pixels and heights (physics.md §1), and the oscillation amplitude (physics.md §4)."""

    window: tuple[Point, Point] = Field(
        default=((2.0, 2.0, 5.0), (18.0, 18.0, 6.9)),
        description="Corners (x0, y0, z0) and (x1, y1, z1) of the box of tip positions, in Å.",
    )
    dim: tuple[Pixels, Pixels, Annotated[int, Field(ge=2, le=4096)]] = Field(
        default=(128, 128, 19),
        description="Number of pixels along x and y, and number of tip heights. The first and the last pixel are on "
        "the edges of the window; the highest height is z1, and successive heights are (z1 − z0) / dim[2] apart.",
    )
    crop: tuple[Pixels, Pixels] | None = Field(
        default=None,
        description="Number of pixels along x and y of a part of the scan, at a random place for each sample. Only "
        "this part is simulated and shown by images and descriptors; null: the whole scan.",
    )
    df_steps: DfSteps = Field(
        default=10, description="Oscillation amplitude, peak to peak, in vertical steps of the scan; 1 acts as 2."
    )
    amplitude: Annotated[float, Field(gt=0, le=1e4)] | None = Field(
        default=None,
        description="Oscillation amplitude, peak to peak, in Å, from which df_steps follows: a whole number of "
        "vertical steps. null: df_steps is given.",
    )
    anchor: Literal["top", "bottom"] = Field(
        default="top",
        description="Edge of the window that stays in its place. 'top': the tip-sample distance counts up to z1, and a "
        "larger oscillation amplitude adds tip heights below; 'bottom': the distance counts up to z0, and a larger "
        "amplitude adds tip heights above.",
    )
    centre: Literal["mean", "top"] = Field(
        default="mean",
        description="Point of the sample under the centre of the window. 'mean': the mean position of its atoms; "
        "'top': that of the atoms at most 2 Å below the highest one.",
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
        if self.amplitude is not None:
            self._set_df_steps(self.amplitude)
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

    def _set_df_steps(self, amplitude: float) -> None:
        """Set df_steps from the amplitude in Å. Refuse an amplitude between two steps, or another value of df_steps."""
        steps = round(amplitude / self.dz)
        accepted = f"a multiple of the vertical step {self.dz:g} Å, at least two steps"
        if steps < 2 or abs(steps * self.dz - amplitude) > _WHOLE * self.dz:
            reason = f"the amplitude is {amplitude / self.dz:g} vertical steps"
            raise refusal("amplitude", amplitude, reason, accepted)
        if "df_steps" in self.model_fields_set and self.df_steps != steps:
            reason = f"the amplitude of {amplitude:g} Å makes df_steps {steps}"
            raise refusal("df_steps", self.df_steps, reason, f"{steps}, or no amplitude")
        self.__dict__["df_steps"] = steps  # the model is frozen, but not yet in use
        self.model_fields_set.add("df_steps")
