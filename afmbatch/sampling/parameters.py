"""All that is drawn for samples, but for their noise: what was given, swept or drawn, as it is used."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling import draws
from afmbatch.sampling.draws import Floats, Ints, Keys, RandomStream, Wanted
from afmbatch.spec.job import JobSpec
from afmbatch.spec.rotations import RandomRotations
from afmbatch.spec.tips import CHARGES
from afmbatch.structures.elements import elements

_STREAMS = {  # by what Randomise calls it
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
}


@dataclass(frozen=True, slots=True, eq=False)
class SampleParameters:
    """What was chosen for n samples under T tips; lengths in Å, charges in e, stiffness in N/m.

    sample, structure, epoch: (n,) int64; rank, sweep: (n,) int64, which of the structure's rotations and of the sweep's
    combinations; tip: (n, T) int64, which of spec.tip_pool, with its element (n, T), its charges at charge_z (n, T, 4),
    its tilt (n, T, 2), r0 (n, T) and stiffness (n, T, 4) as used; distance (n, T); df_steps (n, T);
    sample_charges (n, T), a factor; lj_factors: None, or (n, T, elements) factors of radius and depth by atomic number;
    offset (n, 2); rotation: None, or (n, 3, 3) drawn; turn: None, or (n, 3, 3) what comes after the rotation;
    crop: (n, 2) first pixel of the image in the scan.
    """

    sample: Ints
    structure: Ints
    epoch: Ints
    rank: Ints
    sweep: Ints
    tip: Ints
    element: Ints
    charges: Floats
    charge_z: Floats
    tilt: Floats
    r0: Floats
    stiffness: Floats
    distance: Floats
    df_steps: Ints
    sample_charges: Floats
    lj_factors: tuple[Floats, Floats] | None
    offset: Floats
    rotation: Floats | None
    turn: Floats | None
    crop: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where n samples stand in their job, (n,) each: see SampleParameters."""

    sample: Ints
    structure: Ints
    epoch: Ints
    rank: Ints
    sweep: Ints


class ParameterSampler:
    """The draws of some samples. `batch`: (n,) the batches they are in, where something is drawn for whole batches."""

    def __init__(self, spec: JobSpec, places: Places, batch: Ints) -> None:
        self._spec, self._places = spec, places
        self._shape = (len(places.sample), len(spec.tips))
        self._keys = Keys(spec.seed, places.sample // spec.sweep.n, batch, self._shape[1])
        self._asked = {name: d for name in _STREAMS if (d := getattr(spec.randomise, name)) is not None}
        self._units = self._roll()

    def _roll(self) -> dict[str, Floats]:
        spec = self._spec
        wanted = {name: Wanted(_STREAMS[name], d.scope) for name, d in self._asked.items()}
        if isinstance(spec.rotations, RandomRotations):
            wanted["rotation"] = Wanted(RandomStream.ROTATION, "sample", 2)
        if spec.noise.crop is not None:
            wanted["crop"] = Wanted(RandomStream.CROP, "sample")
        return dict(zip(wanted, self._keys.units(*wanted.values()), strict=True)) if wanted else {}

    def result(self) -> SampleParameters:
        """All of them."""
        swept = self._swept()
        rotation, turn = self._rotation()
        return SampleParameters(
            sample=self._places.sample,
            structure=self._places.structure,
            epoch=self._places.epoch,
            rank=self._places.rank,
            sweep=self._places.sweep,
            **self._tips(swept),
            distance=self._each(swept.get("distance", self._spec.distance)) + self._number("distance"),
            df_steps=self._df_steps(swept),
            sample_charges=self._each(swept.get("sample_charges", 1.0)) * self._number("sample_charges", 1.0),
            lj_factors=self._lj_factors(),
            offset=self._offset(),
            rotation=rotation,
            turn=turn,
            crop=self._crop(),
        )

    def _offset(self) -> Floats:
        if (asked := self._spec.randomise.offset) is None:
            return np.zeros((self._shape[0], 2))
        return draws.pair(asked, self._units["offset"][..., 0])[:, 0]

    def _crop(self) -> Ints:
        if (dim := self._spec.noise.crop) is None:
            return np.zeros((self._shape[0], 2), dtype=np.int64)
        room = [whole - part for whole, part in zip(self._spec.scan.dim, dim, strict=False)]
        units = self._units["crop"][:, :, 0, 0]
        return np.stack([draws.evenly(0, most, u) for most, u in zip(room, units, strict=True)], axis=-1)

    def _swept(self) -> dict[str, Any]:
        """The values of the sweep's axes for each sample: (n, …)."""
        axes = self._spec.sweep.axes
        if not axes:
            return {}
        places = np.unravel_index(self._places.sweep, [len(values) for values in axes.values()])
        values = axes | {"tip": range(len(self._spec.sweep.tip))}
        return {name: np.array(values[name])[place] for name, place in zip(axes, places, strict=True)}

    def _tips(self, swept: dict[str, Any]) -> dict[str, Any]:
        pool = self._spec.tip_pool
        tip = np.broadcast_to(np.arange(self._shape[1]), self._shape)
        if "tip" in swept:
            tip = np.broadcast_to(swept["tip"][:, None], self._shape)
        elif (choice := self._spec.randomise.tip) is not None:
            drawn = draws.chosen(len(choice.values), choice.weights, self._units["tip"][0, ..., 0])
            tip = np.broadcast_to(drawn, self._shape)
        charges, charge_z = (_rows([getattr(t, name) for t in pool])[tip] for name in ("charges", "charge_z"))
        charges *= (self._each(swept.get("tip_charges", 1.0)) * self._number("tip_charges", 1.0))[..., None]
        tilt = np.array([t.tilt for t in pool])[tip] if "tilt" not in swept else self._each(swept["tilt"], 2)
        if (drawn_tilt := self._spec.randomise.tilt) is not None:
            tilt = tilt + draws.pair(drawn_tilt, self._units["tilt"][..., 0])
        r0 = np.array([t.r0 for t in pool])[tip] if "r0" not in swept else self._each(swept["r0"])
        stiffness = np.array([t.stiffness for t in pool])[tip]
        for name, columns in (("lateral_stiffness", [0, 1]), ("radial_stiffness", [3])):
            if name in swept:
                stiffness[..., columns] = swept[name][:, None, None]
            elif name in self._asked:
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
        if (asked := self._spec.randomise.df_steps) is not None:
            drawn = draws.integer(asked, self._units["df_steps"][..., 0])
            return np.broadcast_to(drawn, self._shape)
        return self._each(swept.get("df_steps", self._spec.scan.df_steps)).astype(np.int64)

    def _rotation(self) -> tuple[Floats | None, Floats | None]:
        """The rotation that is drawn, and what comes after: about the vertical axis, then mirrored."""
        n = self._shape[0]
        rotation = draws.rotation(self._units["rotation"][:, :, 0]) if "rotation" in self._units else None
        if not {"in_plane_rotation", "mirror"} & self._asked.keys():
            return rotation, None
        cosine, sine = np.ones(n), np.zeros(n)
        if "in_plane_rotation" in self._asked:
            cosine, sine = draws.turn(self._number("in_plane_rotation")[:, 0])
        side = np.ones(n)
        if (chance := self._spec.randomise.mirror) is not None:
            side = np.where(draws.happens(chance, self._units["mirror"][..., 0])[:, 0], -1.0, 1.0)
        turn = np.zeros((n, 3, 3))
        turn[:, 0, 0], turn[:, 0, 1], turn[:, 1, 0], turn[:, 1, 1] = side * cosine, -side * sine, sine, cosine
        turn[:, 2, 2] = 1.0
        return rotation, turn

    def _lj_factors(self) -> tuple[Floats, Floats] | None:
        """Factors of radius and depth for every element, by atomic number; None where neither is drawn."""
        asked = self._spec.randomise.lj_radius, self._spec.randomise.lj_epsilon
        if asked == (None, None):
            return None
        count = elements().last + 1
        factors = []
        for d, stream in zip(asked, (RandomStream.LJ_RADIUS, RandomStream.LJ_EPSILON), strict=True):
            drawn = np.ones(1) if d is None else draws.number(d, self._keys.units(Wanted(stream, d.scope, count))[0])
            factors.append(np.broadcast_to(drawn, (*self._shape, count)))
        return factors[0], factors[1]

    def _number(self, name: str, otherwise: float = 0.0) -> Any:
        """The number drawn of this name, (n, 1 or T), or what it is if none is drawn."""
        drawn = self._asked.get(name)
        return otherwise if drawn is None else draws.number(drawn, self._units[name][..., 0])

    def _each(self, value: Any, components: int = 0) -> NDArray[Any]:
        """A value, or one a sample, for every sample and tip."""
        shape = (*self._shape, components) if components else self._shape
        array = np.asarray(value)
        return np.broadcast_to(array if array.ndim == 0 else array[:, None], shape)


def _rows(ragged: list[tuple[float, ...]]) -> Floats:
    out = np.zeros((len(ragged), CHARGES))
    for row, values in zip(out, ragged, strict=True):
        row[: len(values)] = values
    return out
