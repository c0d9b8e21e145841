"""The plan: from a recipe to samples, batches and shards, and to all that is drawn for a sample.

A sample's number counts, from the slowest to the fastest: extent, epoch, structure, rotation, combination of the sweep;
whatever the order in which samples come. Any sample can be made alone and is the same.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.contract import draws
from service.contract.draws import Floats, Ints, Keys, Stream, Wanted
from service.contract.elements import elements
from service.contract.noise_draws import NoiseDraws, draw_noise
from service.contract.recipe import Extent, Recipe
from service.contract.rotation import BestDirections, GivenRotations, RandomRotations
from service.contract.rotations import best, directions
from service.contract.shuffle import Permutation
from service.contract.spec import JobSpec
from service.contract.structures import Structures
from service.contract.tip import CHARGES

_KEPT_BYTES = 64 << 20  # chosen directions that a job keeps in memory: 2.2 million structures of the common job
_SHARED = {  # what of a randomised tip comes of which stream
    "distance": Stream.DISTANCE,
    "df_steps": Stream.DF_STEPS,
    "r0": Stream.R0,
    "lateral_stiffness": Stream.LATERAL_STIFFNESS,
    "radial_stiffness": Stream.RADIAL_STIFFNESS,
    "tip_charges": Stream.TIP_CHARGES,
    "sample_charges": Stream.SAMPLE_CHARGES,
    "tilt": Stream.TILT,
    "tip": Stream.TIP,
    "offset": Stream.OFFSET,
    "in_plane_rotation": Stream.IN_PLANE_ROTATION,
    "mirror": Stream.MIRROR,
}


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
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


@dataclass(frozen=True, slots=True)
class _Run:
    """An extent in its place: what of its job comes before it."""

    extent: Extent
    per_structure: int
    samples: int
    first_number: int
    first_batch: int
    first_shard: int
    first_pass: int
    batches: int
    batches_per_shard: int

    @property
    def per_epoch(self) -> int:
        return self.extent.structures * self.per_structure

    @property
    def shards(self) -> int:
        return -(-self.batches // self.batches_per_shard)


@dataclass(frozen=True)
class Plan:
    """A recipe, worked out."""

    recipe: Recipe

    @property
    def spec(self) -> JobSpec:
        """What was asked."""
        return self.recipe.spec

    @cached_property
    def _runs(self) -> list[_Run]:
        spec, runs = self.spec, list[_Run]()
        per_structure = spec.rotations.n * spec.sweep.n
        number = batch = shard = passes = 0
        for i, extent in enumerate(self.recipe.extents):
            available = extent.structures * per_structure * extent.epochs
            samples = available if spec.samples is None or i else min(spec.samples, available)
            batches = -(-samples // spec.batch_size)
            # Small jobs spread over several workers, large ones stay at a few hundred tasks.
            in_shard = min(max(100, samples // 256), 10_000)
            run = _Run(
                extent, per_structure, samples, number, batch, shard, passes, batches, -(-in_shard // spec.batch_size)
            )
            runs.append(run)
            number, passes = number + available, passes + extent.epochs
            batch, shard = batch + run.batches, shard + run.shards
        return runs

    @property
    def available(self) -> int:
        """How many different samples there are; their numbers are below this."""
        last = self._runs[-1]
        return last.first_number + last.per_epoch * last.extent.epochs

    @property
    def samples(self) -> int:
        """How many samples the job makes."""
        return len(self.recipe.only) if self.recipe.only is not None else sum(run.samples for run in self._runs)

    @property
    def batches(self) -> int:
        """How many batches they fill."""
        if self.recipe.only is not None:
            return -(-len(self.recipe.only) // self.spec.batch_size)
        return self._runs[-1].first_batch + self._runs[-1].batches

    @property
    def shards(self) -> int:
        """How many queue tasks the job is cut into."""
        return 1 if self.recipe.only is not None else self._runs[-1].first_shard + self._runs[-1].shards

    def shard(self, shard: int) -> range:
        """Batch numbers of a shard."""
        if self.recipe.only is not None:
            return range(self.batches)
        run = next(run for run in reversed(self._runs) if run.first_shard <= shard)
        first = (shard - run.first_shard) * run.batches_per_shard
        last = min(first + run.batches_per_shard, run.batches)
        return range(run.first_batch + first, run.first_batch + last)

    def size(self, batch: int) -> int:
        """Samples of a batch."""
        size = self.spec.batch_size
        if self.recipe.only is not None:
            return min(size, len(self.recipe.only) - batch * size)
        run = self._run_of(batch)
        return min(size, run.samples - (batch - run.first_batch) * size)

    def _run_of(self, batch: int) -> _Run:
        return next(run for run in reversed(self._runs) if run.first_batch <= batch)

    def numbers(self, *batches: int) -> Ints:
        """Sample numbers of batches, one after the other, each in its order: (Σ size,) int64."""
        size, only = self.spec.batch_size, self.recipe.only
        if only is not None:
            return np.array([number for b in batches for number in only[b * size : (b + 1) * size]], dtype=np.int64)
        return np.concatenate([self._numbers(run, list(some)) for run, some in groupby(batches, self._run_of)])

    def _numbers(self, run: _Run, batches: list[int]) -> Ints:
        size = self.spec.batch_size
        begins = [(b - run.first_batch) * size for b in batches]
        ends = [min(begin + size, run.samples) for begin in begins]
        ranges = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)]
        positions = np.concatenate(ranges)
        if not self.spec.shuffle:
            return run.first_number + positions
        epoch, place = np.divmod(positions, run.per_epoch)
        for e in np.unique(epoch):
            place[epoch == e] = self._order(run, int(e)).of(place[epoch == e])
        return run.first_number + epoch * run.per_epoch + place

    def _order(self, run: _Run, epoch: int) -> Permutation:
        return Permutation(run.per_epoch, self.spec.seed, Stream.ORDER, run.first_pass + epoch)

    def batch_of(self, sample: Ints) -> Ints:
        """In which batch of the whole job each of these samples comes, or would if spec.samples did not end it."""
        out = np.empty(len(sample), dtype=np.int64)
        for run, mine, local in self._by_run(sample):
            epoch, place = np.divmod(local, run.per_epoch)
            if self.spec.shuffle:
                for e in np.unique(epoch):
                    place[epoch == e] = self._order(run, int(e)).inverse(place[epoch == e])
            out[mine] = run.first_batch + (epoch * run.per_epoch + place) // self.spec.batch_size
        return out

    def _by_run(self, sample: Ints) -> list[tuple[_Run, NDArray[np.bool_] | slice, Ints]]:
        """The runs that these samples are of, which of them those are, and their numbers in the run."""
        if len(self._runs) == 1:
            return [(self._runs[0], slice(None), sample.copy())]
        starts = [run.first_number for run in self._runs]
        of = np.searchsorted(starts, sample, side="right") - 1
        return [
            (run, of == i, sample[of == i] - run.first_number) for i, run in enumerate(self._runs) if (of == i).any()
        ]

    def draw(self, sample: Ints) -> Draws:
        """Everything drawn for the samples with these numbers, but for their noise."""
        return _Drawing(self, sample).result()

    def draw_noise(self, sample: Ints) -> NoiseDraws:
        """What is drawn of their noise."""
        batch = self.batch_of(sample) if self.spec.noise.by_batch else sample
        return draw_noise(self.spec, Keys(self.spec.seed, sample, batch, len(self.spec.tips)))


class _Drawing:
    """The draws of some samples."""

    def __init__(self, plan: Plan, sample: Ints) -> None:
        self._plan, self._spec, self._sample = plan, plan.spec, sample
        self._shape = (len(sample), len(plan.spec.tips))
        self._asked = {name: d for name in _SHARED if (d := getattr(plan.spec.randomise, name)) is not None}
        self._units = self._roll()

    def _roll(self) -> dict[str, Floats]:
        spec = self._spec
        wanted = {name: Wanted(_SHARED[name], d.scope) for name, d in self._asked.items()}
        if isinstance(spec.rotations, RandomRotations):
            wanted["rotation"] = Wanted(Stream.ROTATION, "sample", 2)
        if spec.noise.crop is not None:
            wanted["crop"] = Wanted(Stream.CROP, "sample")
        return dict(zip(wanted, self._keys.units(*wanted.values()), strict=True)) if wanted else {}

    @cached_property
    def _keys(self) -> Keys:
        """What these samples' draws are keyed by; the batches only where something is drawn for them."""
        randomise = self._spec.randomise
        scopes = {d.scope for name in type(randomise).model_fields if (d := getattr(randomise, name)) is not None}
        batch = self._plan.batch_of(self._sample) if "batch" in scopes else self._sample
        return Keys(self._spec.seed, self._sample // self._spec.sweep.n, batch, self._shape[1])

    def result(self) -> Draws:
        structure, epoch, rank, combination = self._places()
        swept = self._swept(combination)
        tips = self._tips(swept)
        rotation, turn = self._rotation()
        crop = np.zeros((len(self._sample), 2), dtype=np.int64)
        if (dim := self._spec.noise.crop) is not None:
            units = self._units["crop"][:, :, 0, 0]
            room = np.array(self._spec.scan.dim[:2]) - np.array(dim)
            crop = np.stack([draws.evenly(0, int(most), u) for most, u in zip(room, units, strict=True)], axis=-1)
        offset = self._spec.randomise.offset
        return Draws(
            sample=self._sample,
            structure=structure,
            epoch=epoch,
            rank=rank,
            sweep=combination,
            **tips,
            distance=self._each(swept.get("distance", self._spec.distance)) + self._number("distance"),
            df_steps=self._df_steps(swept),
            sample_charges=self._each(swept.get("sample_charges", 1.0)) * self._number("sample_charges", 1.0),
            lj_factors=self._lj_factors(),
            offset=np.zeros((len(self._sample), 2))
            if offset is None
            else draws.pair(offset, self._units["offset"][..., 0])[:, 0],
            rotation=rotation,
            turn=turn,
            crop=crop,
        )

    def _places(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Structure, epoch, rank of the rotation and combination of the sweep of each sample."""
        out = np.empty((4, len(self._sample)), dtype=np.int64)
        for run, mine, local in self._plan._by_run(self._sample):
            epoch, rest = np.divmod(local, run.per_epoch)
            structure, rest = np.divmod(rest, run.per_structure)
            rank, combination = np.divmod(rest, self._spec.sweep.n)
            out[0, mine], out[1, mine] = structure + run.extent.first_structure, epoch + run.extent.first_epoch
            out[2, mine], out[3, mine] = rank, combination
        return out[0], out[1], out[2], out[3]

    def _swept(self, combination: Ints) -> dict[str, Any]:
        """The values of the sweep's axes for each sample: (n, …)."""
        axes = self._spec.sweep.axes
        if not axes:
            return {}
        places = np.unravel_index(combination, [len(values) for values in axes.values()])
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
        n = len(self._sample)
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
        for d, stream in zip(asked, (Stream.LJ_RADIUS, Stream.LJ_EPSILON), strict=True):
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


class Rotations:
    """The rotation of each sample of a job. Not for use by several threads.

    A structure's directions are chosen when it is first asked for, and kept as long as there is room: a job on many
    structures has none for all of them, and then begins anew.
    """

    def __init__(self, spec: JobSpec, structures: Structures) -> None:
        self._structures = structures
        n = spec.rotations.n
        match spec.rotations:
            case BestDirections():
                self._all = directions(spec.rotations.directions)
            case GivenRotations():
                self._all = np.array(spec.rotations.rotations)
            case _:
                self._all = np.eye(3)[None]
        self._choose = isinstance(spec.rotations, BestDirections)
        kind = np.min_scalar_type(len(self._all) - 1)
        room = min(len(structures), max(1, _KEPT_BYTES // (n * kind.itemsize)))
        self._chosen = np.empty((room, n), dtype=kind)  # of the system's memory it takes what is written to
        self._row = np.full(len(structures), -1, dtype=np.int32)  # where a structure's choice is kept
        self._kept = 0

    def of(self, drawn: Draws) -> Floats:
        """Rotation matrices of n samples: (n, 3, 3). Positions turn as x' = R x; a mirrored one has determinant −1."""
        if drawn.rotation is not None:
            rotation = drawn.rotation
        elif self._choose:
            rotation = self.best(drawn.structure, drawn.rank)
        else:
            rotation = self._all[drawn.rank]
        if drawn.turn is None:
            return rotation
        columns = [drawn.turn[:, :, k, None] * rotation[:, None, k, :] for k in range(3)]
        return np.asarray(columns[0] + columns[1] + columns[2])

    def best(self, structure: Ints, rank: Ints) -> Floats:
        """The directions of n structures at these ranks: (n,) and (n,) to (n, 3, 3)."""
        room = len(self._chosen)
        pieces = [slice(i, i + room) for i in range(0, len(structure), room)]
        number = np.concatenate([self._choices(structure[p], rank[p]) for p in pieces])
        rotation: Floats = self._all[number]
        return rotation

    def _choices(self, structure: Ints, rank: Ints) -> NDArray[np.unsignedinteger[Any]]:
        new = np.unique(structure[self._row[structure] < 0])
        if self._kept + len(new) > len(self._chosen):
            self._row.fill(-1)
            self._kept = 0
            new = np.unique(structure)
        if len(new):
            end = self._kept + len(new)
            self._chosen[self._kept : end] = best(self._structures, new, self._all, self._chosen.shape[1])
            self._row[new] = np.arange(self._kept, end)
            self._kept = end
        return self._chosen[self._row[structure], rank]
