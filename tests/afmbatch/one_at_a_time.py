"""Computes the samples of a job in plain Python, one at a time, as an oracle for tests.

It was written from the descriptions of the spec's fields and from the published algorithms (Philox4x32-10, the
generalized Feistel cipher, Box and Muller, Shoemake), not from the code under test.
"""

import math
from itertools import product

from afmbatch.sampling.recipe import Recipe

EVERY_TIP, WHOLE_BATCH = 0xFFFFFFFF, 0xFFFFFFFE
STREAMS = {
    "distance": 1,
    "tilt": 2,
    "df_steps": 3,
    "r0": 4,
    "lateral_stiffness": 5,
    "radial_stiffness": 6,
    "tip_charges": 7,
    "sample_charges": 8,
    "lj_radius": 9,
    "lj_epsilon": 10,
    "tip": 11,
    "offset": 12,
    "in_plane_rotation": 13,
    "mirror": 14,
    "rotation": 15,
    "crop": 16,
    "pauli_strength": 112,
    "pauli_exponent": 113,
}


def philox(key, counter):
    """Return four random words of 32 bits for four counter words (Salmon et al., SC'11)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & 0xFFFFFFFF, (a >> 32) ^ c3 ^ k1, a & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def permuted(position, n, key, stream, variant):
    """Return the image of a position under Black and Rogaway's generalized Feistel cipher over a · b ≥ n."""
    a = math.isqrt(n - 1) + 1
    b = -(-n // a)
    left, right = position % a, position // a
    for r in range(6):
        mixed = philox(key, (right, r, variant, stream))[0]
        left, right = right, (left + mixed) % (b if r % 2 else a)
    sent = a * right + left
    return sent if sent < n else permuted(sent, n, key, stream, variant)


def places(recipe: Recipe):
    """Return (structure, epoch, rank, combination, its values) of every sample, by the sample's number."""
    sweep = recipe.spec.sweep
    names = [name for name in type(sweep).model_fields if getattr(sweep, name)]
    combinations = [dict(zip(names, values, strict=True)) for values in product(*(enumerated(sweep, n) for n in names))]
    return [
        (structure, epoch, rank, k, values)
        for extent in recipe.extents
        for epoch in range(extent.first_epoch, extent.first_epoch + extent.epochs)
        for structure in range(extent.first_structure, extent.first_structure + extent.structures)
        for rank in range(recipe.spec.rotations.n)
        for k, values in enumerate(combinations)
    ]


def enumerated(sweep, name):
    values = getattr(sweep, name)
    return list(enumerate(values)) if name == "tip" else values


def batches(recipe: Recipe):
    """Return the sample numbers of each batch of the whole job."""
    spec, out, first, passes = recipe.spec, [], 0, 0
    combinations = math.prod(len(values) for _, values in spec.sweep if values)
    for i, extent in enumerate(recipe.extents):
        n = extent.structures * spec.rotations.n * combinations
        numbers = []
        for epoch in range(extent.epochs):
            order = [permuted(p, n, spec.seed, 0, passes + epoch) if spec.shuffle else p for p in range(n)]
            numbers += [first + epoch * n + place for place in order]
        first, passes = first + n * extent.epochs, passes + extent.epochs
        limit = spec.samples if i == 0 else None
        numbers = numbers[:limit]
        out += [numbers[b : b + spec.batch_size] for b in range(0, len(numbers), spec.batch_size)]
    return out


class Sample:
    """The parameters of one sample of a job."""

    def __init__(self, recipe: Recipe, number: int, place, batch: int) -> None:
        self.spec, self.randomise = recipe.spec, recipe.spec.randomise
        self.structure, self.epoch, self.rank, self.sweep, self.swept = place
        self.geometry = number // math.prod(len(values) for _, values in self.spec.sweep if values)
        self.batch = batch

    def uniforms(self, name, scope, tip, index=0):
        key = self.batch if scope == "batch" else self.geometry
        word = {"batch": WHOLE_BATCH, "sample": EVERY_TIP, "tip": tip}[scope]
        a, b, c, d = philox(self.spec.seed, (key & 0xFFFFFFFF, key >> 32, word, STREAMS[name] | index << 8))
        return ((a << 21) | (b >> 11)) / 2**53, ((c << 21) | (d >> 11)) / 2**53

    def number(self, name, tip, otherwise, index=0):
        d = getattr(self.randomise, name)
        return otherwise if d is None else number(d, *self.uniforms(name, d.scope, tip, index))

    def pair(self, name, tip):
        d = getattr(self.randomise, name)
        return (0.0, 0.0) if d is None else pair(d, *self.uniforms(name, d.scope, tip))

    def tip(self, t):
        """Return the parameters of the t-th tip of the sample."""
        if "tip" in self.swept:
            i, tip = self.swept["tip"]
        elif (d := self.randomise.tip) is not None:
            i = picked(len(d.values), d.weights, self.uniforms("tip", d.scope, t)[0])
            tip = d.values[i]
        else:
            i, tip = t, self.spec.tips[t]
        factor = self.swept.get("tip_charges", 1.0) * self.number("tip_charges", t, 1.0)
        tilt, added = self.swept.get("tilt", tip.tilt), self.pair("tilt", t)
        lateral = self.number("lateral_stiffness", t, None)
        lateral = self.swept.get("lateral_stiffness", lateral)
        radial = self.swept.get("radial_stiffness", self.number("radial_stiffness", t, None))
        k_x, k_y, k_z, k_r = tip.stiffness
        return {
            "tip": i,
            "element": tip.element,
            "charges": [*(factor * q for q in tip.charges), *[0.0] * (4 - len(tip.charges))],
            "charge_z": [*tip.charge_z, *[0.0] * (4 - len(tip.charge_z))],
            "tilt": [tilt[0] + added[0], tilt[1] + added[1]],
            "r0": self.swept.get("r0", tip.r0) + self.number("r0", t, 0.0),
            "stiffness": [
                k_x if lateral is None else lateral,
                k_y if lateral is None else lateral,
                k_z,
                k_r if radial is None else radial,
            ],
            "distance": self.swept.get("distance", self.spec.distance) + self.number("distance", t, 0.0),
            "df_steps": self.df_steps(t),
            "sample_charges": self.swept.get("sample_charges", 1.0) * self.number("sample_charges", t, 1.0),
            "pauli_strength": self.pauli("strength", t, 0.0),
            "pauli_exponent": self.pauli("exponent", t, 1.0),
        }

    def pauli(self, name, t, without):
        given = getattr(self.spec.force_field, name, without)
        return self.number(f"pauli_{name}", t, self.swept.get(f"pauli_{name}", given))

    def df_steps(self, t):
        d = self.randomise.df_steps
        if d is None:
            return self.swept.get("df_steps", self.spec.scan.df_steps)
        u, _ = self.uniforms("df_steps", d.scope, t)
        if d.kind == "integers":
            return list(range(d.low, d.high + 1))[int(u * (d.high - d.low + 1))]
        return d.values[picked(len(d.values), d.weights, u)]

    def turn(self):
        """Return the rows of the rotation about the vertical axis followed by the mirror."""
        angle = math.radians(self.number("in_plane_rotation", None, 0.0))
        chance = self.randomise.mirror
        side = 1.0
        if chance is not None and self.uniforms("mirror", chance.scope, None)[0] < chance.probability:
            side = -1.0
        columns = []
        for x, y, z in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
            x, y = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
            columns.append((side * x, y, z))
        return [list(row) for row in zip(*columns, strict=True)]

    def rotation(self):
        """Return the rows of the rotation v' = q v q* by a unit quaternion of three uniform numbers (Shoemake)."""
        u, v = self.uniforms("rotation", "sample", None, 0)
        w, _ = self.uniforms("rotation", "sample", None, 1)
        a, b = 2 * math.pi * v, 2 * math.pi * w
        q = (
            math.sqrt(u) * math.cos(b),
            math.sqrt(1 - u) * math.sin(a),
            math.sqrt(1 - u) * math.cos(a),
            math.sqrt(u) * math.sin(b),
        )
        back = (q[0], -q[1], -q[2], -q[3])
        uniforms = ((0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
        columns = [hamilton(hamilton(q, unit), back)[1:] for unit in uniforms]
        return [list(row) for row in zip(*columns, strict=True)]

    def crop(self):
        if self.spec.scan.crop is None:
            return [0, 0]
        room = [whole - part for whole, part in zip(self.spec.scan.dim, self.spec.scan.crop, strict=False)]
        return [int(u * (r + 1)) for u, r in zip(self.uniforms("crop", "sample", None), room, strict=True)]


def hamilton(p, q):
    """Return the product of two quaternions."""
    a, b, c, d = p
    e, f, g, h = q
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def picked(n, weights, u):
    """Return the index of the first of n values at which the cumulated weights pass u."""
    weights = weights or [1.0] * n
    passed = 0.0
    for i, weight in enumerate(weights):
        passed += weight / sum(weights)
        if u < passed:
            return i
    return max(i for i in range(n) if weights[i] > 0)


def number(d, u, v):
    if d.kind == "uniform":
        return d.low + (d.high - d.low) * u
    if d.kind == "normal":
        value = d.mean + d.sigma * math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)
        return min(max(value, d.low), d.high)
    return d.values[picked(len(d.values), d.weights, u)]


def pair(d, u, v):
    if d.kind == "uniform":
        return number(d, u, None), number(d, v, None)
    if d.kind == "choice":
        return number(d, u, v)
    x, y = math.cos(2 * math.pi * v), math.sin(2 * math.pi * v)
    if d.kind == "disk":
        return d.radius * math.sqrt(u) * x, d.radius * math.sqrt(u) * y
    size = d.sigma * math.sqrt(-2 * math.log(1 - u))
    return tuple(min(max(d.mean + size * part, d.low), d.high) for part in (x, y))
