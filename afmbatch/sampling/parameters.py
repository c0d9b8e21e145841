"""Samples the parameters of samples, except those of noise. Each parameter is given, swept or randomised."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.distributions import (
    choose_index,
    cosine_and_sine,
    sample_chance,
    sample_integer,
    sample_number,
    sample_pair,
    sample_rotation,
    uniform_integer,
)
from afmbatch.sampling.random_numbers import Floats, Ints, RandomStream, SampleKeys, UniformRequest
from afmbatch.spec.job import JobSpec
from afmbatch.spec.rotations import RandomRotations
from afmbatch.spec.tips import CHARGES
from afmbatch.structures.elements import elements

_STREAMS = {  # by the name of the field of Randomise
    "distance": RandomStream.DISTANCE,
    "df_steps": RandomStream.DF_STEPS,
    "r0": RandomStream.R0,
    "lateral_stiffness": RandomStream.LATERAL_STIFFNESS,
    "radial_stiffness": RandomStream.RADIAL_STIFFNESS,
    "tip_charges": RandomStream.TIP_CHARGES,
    "sample_charges": RandomStream.SAMPLE_CHARGES,
    "tilt": RandomStream.TILT,
    "tip": RandomStream.TIP,
    "offset": RandomStream.OFFSET,
    "in_plane_rotation": RandomStream.IN_PLANE_ROTATION,
    "mirror": RandomStream.MIRROR,
    "pauli_strength": RandomStream.PAULI_STRENGTH,
    "pauli_exponent": RandomStream.PAULI_EXPONENT,
}


@dataclass(frozen=True, slots=True, eq=False)
class SampleParameters:
    """The parameters of n samples under T tips, as they are used in the simulation."""

    sample: Ints  #: (n,) int64, number of the sample in its job
    structure: Ints  #: (n,) int64, number of the structure
    epoch: Ints  #: (n,) int64, number of the epoch
    rank: Ints  #: (n,) int64, number of the rotation among those of the structure
    sweep: Ints  #: (n,) int64, number of the combination of the sweep
    tip: Ints  #: (n, T) int64, index in spec.tip_pool
    element: Ints  #: (n, T) int64, atomic number of the probe particle
    charges: Floats  #: (n, T, 4) float64, charges of the probe particle, e
    charge_z: Floats  #: (n, T, 4) float64, heights of these charges above the probe particle's centre, Å
    tilt: Floats  #: (n, T, 2) float64, Å
    r0: Floats  #: (n, T) float64, bond length, Å
    stiffness: Floats  #: (n, T, 4) float64, k_x, k_y, k_z, k_r, N/m
    distance: Floats  #: (n, T) float64, tip-sample distance, Å
    df_steps: Ints  #: (n, T) int64, oscillation amplitude in vertical steps
    sample_charges: Floats  #: (n, T) float64, factor of the sample's charges
    pauli_strength: Floats  #: (n, T) float64, eV·Å^(6B−3)/e^(2B); zeros without a Pauli repulsion
    pauli_exponent: Floats  #: (n, T) float64; ones without a Pauli repulsion
    #: (n, T, last element + 1) float64 each, factors of Lennard-Jones radius and depth; None: not randomised
    lj_factors: tuple[Floats, Floats] | None
    offset: Floats  #: (n, 2) float64, lateral displacement of the molecule, Å
    rotation: Floats | None  #: (n, 3, 3) float64, sampled rotation; None: it follows from the spec and the rank
    turn: Floats | None  #: (n, 3, 3) float64, in-plane rotation and mirror, applied after the rotation; None: neither
    crop: Ints  #: (n, 2) int64, first pixel of the image in the scan


@dataclass(frozen=True, slots=True, eq=False)
class SamplePlaces:
    """The places of n samples in their job, (n,) int64 each: see SampleParameters."""

    sample: Ints
    structure: Ints
    epoch: Ints
    rank: Ints
    sweep: Ints


class ParameterSampler:
    """Samples the parameters of some samples of a job."""

    def __init__(self, spec: JobSpec, places: SamplePlaces, batch: Ints) -> None:
        """Sample for these places. batch: (n,) int64, batch of each sample, for quantities of scope 'batch'."""
        self._spec, self._places = spec, places
        self._shape = (len(places.sample), len(spec.tips))
        self._keys = SampleKeys(spec.seed, places.sample // spec.sweep.n, batch, self._shape[1])
        self._randomised = {name: d for name in _STREAMS if (d := getattr(spec.randomise, name)) is not None}
        self._uniforms = self._uniform()

    def _uniform(self) -> dict[str, Floats]:
        """Return the uniform numbers for each randomised quantity, (2, n, 1 or T, indexes) float64, by its name."""
        spec = self._spec
        requests = {name: UniformRequest(_STREAMS[name], d.scope) for name, d in self._randomised.items()}
        if isinstance(spec.rotations, RandomRotations):
            requests["rotation"] = UniformRequest(RandomStream.ROTATION, "sample", 2)
        if spec.scan.crop is not None:
            requests["crop"] = UniformRequest(RandomStream.CROP, "sample")
        return dict(zip(requests, self._keys.uniform(list(requests.values())), strict=True))

    def result(self) -> SampleParameters:
        """Return the parameters of all samples."""
        swept = self._swept()
        return SampleParameters(
            sample=self._places.sample,
            structure=self._places.structure,
            epoch=self._places.epoch,
            rank=self._places.rank,
            sweep=self._places.sweep,
            **self._tips(swept),
            distance=self._broadcast(swept.get("distance", self._spec.distance)) + self._number("distance"),
            df_steps=self._df_steps(swept),
            sample_charges=self._broadcast(swept.get("sample_charges", 1.0)) * self._number("sample_charges", 1.0),
            pauli_strength=self._pauli("strength", swept, 0.0),
            pauli_exponent=self._pauli("exponent", swept, 1.0),
            lj_factors=self._lj_factors(),
            offset=self._offset(),
            rotation=sample_rotation(self._uniforms["rotation"][:, :, 0]) if "rotation" in self._uniforms else None,
            turn=self._turn(),
            crop=self._crop(),
        )

    def _offset(self) -> Floats:
        if (distribution := self._spec.randomise.offset) is None:
            return np.zeros((self._shape[0], 2))
        return sample_pair(distribution, self._uniforms["offset"][..., 0])[:, 0]

    def _crop(self) -> Ints:
        if (dim := self._spec.scan.crop) is None:
            return np.zeros((self._shape[0], 2), dtype=np.int64)
        last = [whole - part for whole, part in zip(self._spec.scan.dim, dim, strict=False)]
        uniforms = self._uniforms["crop"][:, :, 0, 0]
        return np.stack([uniform_integer(0, high, u) for high, u in zip(last, uniforms, strict=True)], axis=-1)

    def _swept(self) -> dict[str, Any]:
        """Return the values of the sweep's axes for each sample, (n, …)."""
        axes = self._spec.sweep.axes
        if not axes:
            return {}
        indexes = np.unravel_index(self._places.sweep, [len(values) for values in axes.values()])
        values = axes | {"tip": range(len(self._spec.sweep.tip))}
        return {name: np.array(values[name])[index] for name, index in zip(axes, indexes, strict=True)}

    def _tips(self, swept: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of the tips by their names in SampleParameters."""
        pool = self._spec.tip_pool
        tip = np.broadcast_to(np.arange(self._shape[1]), self._shape)
        if "tip" in swept:
            tip = np.broadcast_to(swept["tip"][:, None], self._shape)
        elif (choice := self._spec.randomise.tip) is not None:
            index = choose_index(len(choice.values), choice.weights, self._uniforms["tip"][0, ..., 0])
            tip = np.broadcast_to(index, self._shape)
        charges, charge_z = (_padded([getattr(t, name) for t in pool])[tip] for name in ("charges", "charge_z"))
        charges *= (self._broadcast(swept.get("tip_charges", 1.0)) * self._number("tip_charges", 1.0))[..., None]
        tilt = np.array([t.tilt for t in pool])[tip] if "tilt" not in swept else self._broadcast(swept["tilt"], 2)
        if (added := self._spec.randomise.tilt) is not None:
            tilt = tilt + sample_pair(added, self._uniforms["tilt"][..., 0])
        r0 = np.array([t.r0 for t in pool])[tip] if "r0" not in swept else self._broadcast(swept["r0"])
        stiffness = np.array([t.stiffness for t in pool])[tip]
        for name, columns in (("lateral_stiffness", [0, 1]), ("radial_stiffness", [3])):
            if name in swept:
                stiffness[..., columns] = swept[name][:, None, None]
            elif name in self._randomised:
                stiffness[..., columns] = self._number(name)[..., None]
        return {
            "tip": tip,
            "element": np.array([t.element for t in pool])[tip],
            "charges": charges,
            "charge_z": charge_z,
            "tilt": tilt,
            "r0": r0 + self._number("r0"),
            "stiffness": stiffness,
        }

    def _df_steps(self, swept: dict[str, Any]) -> Ints:
        if (distribution := self._spec.randomise.df_steps) is not None:
            return np.broadcast_to(sample_integer(distribution, self._uniforms["df_steps"][..., 0]), self._shape)
        return self._broadcast(swept.get("df_steps", self._spec.scan.df_steps)).astype(np.int64)

    def _pauli(self, name: str, swept: dict[str, Any], without: float) -> Floats:
        """Return strength or exponent of the Pauli repulsion, `without` for a force field that has none."""
        quantity = f"pauli_{name}"
        if quantity in self._randomised:
            return np.broadcast_to(self._number(quantity), self._shape)
        return self._broadcast(swept.get(quantity, getattr(self._spec.force_field, name, without)))

    def _turn(self) -> Floats | None:
        """Return the rotation about the z axis followed by the mirror, (n, 3, 3); None if neither is randomised."""
        n = self._shape[0]
        if not {"in_plane_rotation", "mirror"} & self._randomised.keys():
            return None
        cosine, sine = np.ones(n), np.zeros(n)
        if "in_plane_rotation" in self._randomised:
            cosine, sine = cosine_and_sine(self._number("in_plane_rotation")[:, 0])
        side = np.ones(n)
        if (chance := self._spec.randomise.mirror) is not None:
            side = np.where(sample_chance(chance, self._uniforms["mirror"][..., 0])[:, 0], -1.0, 1.0)
        turn = np.zeros((n, 3, 3))
        turn[:, 0, 0], turn[:, 0, 1], turn[:, 1, 0], turn[:, 1, 1] = side * cosine, -side * sine, sine, cosine
        turn[:, 2, 2] = 1.0
        return turn

    def _lj_factors(self) -> tuple[Floats, Floats] | None:
        """Return the factors of radius and depth for every element, by atomic number; None if neither is randomised."""
        distributions = self._spec.randomise.lj_radius, self._spec.randomise.lj_epsilon
        if distributions == (None, None):
            return None
        count = elements().last + 1
        factors = []
        for d, stream in zip(distributions, (RandomStream.LJ_RADIUS, RandomStream.LJ_EPSILON), strict=True):
            factor = np.ones(1)
            if d is not None:
                factor = sample_number(d, self._keys.uniform([UniformRequest(stream, d.scope, count)])[0])
            factors.append(np.broadcast_to(factor, (*self._shape, count)))
        return factors[0], factors[1]

    def _number(self, name: str, default: float = 0.0) -> Any:
        """Return the numbers sampled for a quantity, (n, 1 or T), or the default if it is not randomised."""
        distribution = self._randomised.get(name)
        return default if distribution is None else sample_number(distribution, self._uniforms[name][..., 0])

    def _broadcast(self, value: Any, components: int = 0) -> NDArray[Any]:
        """Return a value for every sample and tip: (n, T) or (n, T, components).

        value: one value for all samples, or an array of one value for each sample.
        """
        shape = (*self._shape, components) if components else self._shape
        array = np.asarray(value)
        return np.broadcast_to(array if array.ndim == 0 else array[:, None], shape)


def _padded(rows: list[tuple[float, ...]]) -> Floats:
    """Return rows of different lengths as an array padded with zeros: (rows, CHARGES) float64."""
    out = np.zeros((len(rows), CHARGES))
    for row, values in zip(out, rows, strict=True):
        row[: len(values)] = values
    return out
