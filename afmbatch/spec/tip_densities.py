"""Densities of the tip, which act on the potential and the density of a sample (physics.md §8)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from afmbatch.spec.family import ModelFamily
from afmbatch.spec.model import Finite, Model

Moment: TypeAlias = Literal["s", "px", "py", "pz", "dxy", "dxz", "dyz", "dx2", "dy2", "dz2"]


class TipDensity(Model):
    """The base class of all densities of a tip."""

    kind: str


class UploadedTip(TipDensity):
    """A tip that was uploaded under /v1/tips: its electron density, and its difference or charge density."""

    kind: Literal["tip"]
    id: str = Field(max_length=100, description="Id of the tip.", examples=["tip-0"])


class MultipoleTip(TipDensity):
    """A charge density made of multipoles of a Gaussian about the centre of the probe particle."""

    kind: Literal["multipole"]
    moments: Annotated[dict[Moment, Finite], Field(min_length=1)] = Field(
        description="Factors of the multipoles, in e; positive for positive charge. 's': 1; 'px': x/σ; 'dxy': xy/σ²; "
        "'dx2': x²/σ²; 'dz2': (2z² − x² − y²)/(4σ²), and so on, each times a normalised Gaussian.",
        examples=[{"dz2": -0.1}],
    )
    sigma: float = Field(default=0.71, ge=0.4, le=1.5, description="Width σ of the Gaussian, in Å.")


TIP_DENSITIES = ModelFamily(TipDensity, [UploadedTip, MultipoleTip])
AnyTipDensity: TypeAlias = Annotated[TipDensity, TIP_DENSITIES]
