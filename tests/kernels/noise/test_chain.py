"""Noise steps give analytic results; chains agree with float64, whatever the partition of a batch."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pyopencl as cl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.device.workspace import Workspace
from kernels.errors import DeviceLimit, InvalidInput
from kernels.imaging.images import Images
from kernels.noise import NOISE_STEPS
from kernels.noise.base import ImageBlock, NoiseStep
from kernels.noise.chain import NoiseChain
from kernels.partition import Partition
from kernels.simulator import Simulator
from tests.kernels import oracle
from tests.kernels.cases import LJ_PC, join, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import descriptor
from tests.kernels.test_partition import small_run

HALF = 4.0  # Å: half the side of the window
KEY = 0xFEDCBA9876543210
ORDER = ("drift", "normalise", "gradient", "white", "cutouts")
Chain: TypeAlias = dict[str, dict[str, Any]]


def scans(m: int, nx: int, ny: int, n_out: int) -> Images:
    return make_images([0] * m, [window(half=HALF)] * m, (nx, ny, n_out + 1))


def steps_of(chain: Chain) -> list[NoiseStep]:
    """Return the steps of a chain, which maps kinds to parameters, in their usual order."""
    return [NOISE_STEPS[kind](**chain[kind]) for kind in ORDER if kind in chain]


def changed(device: Device, values: np.ndarray, steps: Sequence[NoiseStep] | Chain) -> np.ndarray:
    """Return images (M, nx, ny, n_out) after the steps."""
    m, nx, ny, n_out = values.shape
    chain = NoiseChain(steps_of(steps) if isinstance(steps, dict) else steps)
    memory, out = Workspace(device), np.empty(values.shape, np.float32)
    buffers, copies = memory.upload({"df": values.astype(np.float32), **chain.arrays(scans(*values.shape))})
    copies[-1].wait()
    slices, spare = memory.buffer("slices", chain.slice_bytes * m * n_out), memory.buffer("spare", out.nbytes)
    block = ImageBlock(device, (nx, ny), n_out, Partition(range(m), range(nx), range(0)))
    cl.enqueue_copy(device.queue, out, chain.launch(block, buffers, buffers["df"], spare, slices))
    return out


def random_images(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(-3, 2, shape).astype(np.float32)


def counters(m: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 32, (m, 3), dtype=np.uint32)


def white(amplitude: np.ndarray, counter: np.ndarray, distribution: str = "normal", key: int = KEY) -> dict[str, Any]:
    return {"amplitude": amplitude, "distribution": distribution, "key": key, "counter": counter}


lanes_of = pytest.mark.parametrize("lanes", ["device", "scalar_device"])

FEW = [Map(descriptor("height_map")), Map(descriptor("vdw_spheres"))]


@lanes_of
def test_drift_reads_further_along(lanes: str, request: pytest.FixtureRequest) -> None:
    device = request.getfixturevalue(lanes)
    nx, ny, n_out = 9, 17, 3
    step_x, step_y = 2 * HALF / (nx - 1), 2 * HALF / (ny - 1)
    x, y = np.arange(nx)[:, None, None] * step_x, np.arange(ny)[:, None] * step_y
    plane = (2 * x - 3 * y + np.zeros(n_out))[None]
    drift = np.array([[[0.3, -0.4], [-1.7, 0.1], [2 * step_x, -3 * step_y]]])
    got = changed(device, plane, {"drift": {"shift": drift}})
    reached_x, reached_y = np.clip(x + drift[0, :, 0], 0, 2 * HALF), np.clip(y + drift[0, :, 1], 0, 2 * HALF)
    assert got[0] == pytest.approx(2 * reached_x - 3 * reached_y, abs=1e-5)
    values = random_images(1, 1, nx, ny, n_out)
    whole = changed(device, values, {"drift": {"shift": drift}})[0, :, :, 2]
    assert whole[: nx - 2, 3:] == pytest.approx(values[0, 2:, : ny - 3, 2], abs=1e-6)


@lanes_of
def test_normalised_slices(lanes: str, request: pytest.FixtureRequest) -> None:
    values = random_images(2, 1, 37, 29, 11)
    values[..., 1] = 0.1  # no sum of it is exact
    values[..., 2] = 1e4 + np.round(8 * values[..., 2]) / 8  # large, and hardly varies
    values[..., 3] *= 1e-15
    values[0, 0, 0, 10] = 1e5  # the pixel that sums start from is far away
    got = changed(request.getfixturevalue(lanes), values, {"normalise": {}})[0].astype(float)
    assert not got[..., 1].any()
    mean, std = (np.delete(of, 1) for of in (got.mean(axis=(0, 1)), got.std(axis=(0, 1))))
    assert std == pytest.approx(1, abs=2e-6)
    assert mean == pytest.approx(0, abs=1e-3)  # float32 holds 1e4 ± 2 no better
    assert np.delete(mean, 1) == pytest.approx(0, abs=1e-5)


@lanes_of
def test_a_gradient_is_a_plane_of_a_share_of_the_range(lanes: str, request: pytest.FixtureRequest) -> None:
    values = np.zeros((2, 7, 11, 2))
    values[:, 3, 5, 0] = [4, -8]  # the second slices are constant
    got = changed(request.getfixturevalue(lanes), values, {"gradient": {"slope": np.array([[0.2, 0], [0.1, -0.4]])}})
    assert not got[..., 1].any()
    assert got[0, [0, 3, 6], 0, 0] == pytest.approx([-0.4, 0, 0.4], abs=1e-6)
    assert got[0, 6, 10, 0] - got[0, 0, 0, 0] == pytest.approx(0.2 * 4, abs=1e-6)
    assert got[1, 3, 5, 0] == pytest.approx(-8)
    corners = got[1, [0, 0, 6, 6], [0, 10, 0, 10], 0]
    assert corners == pytest.approx([1.2, -2, 2, -1.2], abs=1e-6)


def sample_xi(device: Device, distribution: str, nx: int, ny: int, n_out: int) -> np.ndarray:
    """Return ξ of an image: noise of amplitude 1 on slices whose range is 1."""
    values = np.zeros((1, nx, ny, n_out))
    values[0, 0, 0] = 1
    return (changed(device, values, {"white": white(np.ones(1), counters(1), distribution)}) - values)[0]


@lanes_of
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("shape", [(7, 13, 10), (3, 8, 1), (1, 17, 6)])
def test_every_xi_is_that_of_the_definition(
    lanes: str, distribution: str, shape: tuple[int, int, int], request: pytest.FixtureRequest
) -> None:
    got = sample_xi(request.getfixturevalue(lanes), distribution, *shape)
    want = oracle.xi(shape, KEY, counters(1)[0], distribution)
    tolerance = 0 if distribution == "uniform" else 3e-6
    assert got.reshape(-1, shape[2])[1:] == pytest.approx(want.reshape(-1, shape[2])[1:], rel=0, abs=tolerance)


@lanes_of
def test_normal_xi_at_both_ends(lanes: str, request: pytest.FixtureRequest) -> None:
    """Compare words that are rare: the smallest and largest of the logarithm, and every octant of the angle."""
    device = request.getfixturevalue(lanes)
    w = np.arange(0, 1 << 24, 997)
    first = np.concatenate([[0, 1, 2, (1 << 24) - 1, (1 << 24) - 2], w])
    second = np.concatenate([[0, 1 << 21, 3 << 21, 5 << 21, 7 << 21], w[::-1]])
    source = """
#include "opencl/random.cl"

kernel void pairs(global const uint *words, const int n, global float *out)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    word a, b;
    a = words[2 * i] << 8, b = words[2 * i + 1] << 8;
    real x, y;
    normal(a, b, &x, &y);
    out[2 * i] = ((const float *)&x)[0];
    out[2 * i + 1] = ((const float *)&y)[WIDTH - 1];
}
"""
    program = device.build(source)
    words, got = np.column_stack((first, second)).astype(np.uint32), np.empty((len(first), 2), np.float32)
    given = cl.Buffer(device.context, cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR, hostbuf=words)
    out = cl.Buffer(device.context, cl.mem_flags.WRITE_ONLY, got.nbytes)
    device.launch(cl.Kernel(program, "pairs"), (len(first),), (64,), given, np.int32(len(first)), out)
    cl.enqueue_copy(device.queue, got, out)
    r, phi = np.sqrt(-2 * np.log((first + 1) / 2**24)), 2 * np.pi * second / 2**24
    assert got == pytest.approx(np.column_stack((r * np.cos(phi), r * np.sin(phi))), rel=0, abs=3e-6)
    assert np.abs(got).max() == pytest.approx(np.sqrt(48 * np.log(2)))


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_statistics_of_xi(device: Device, distribution: str) -> None:
    xi = sample_xi(device, distribution, 101, 103, 10).astype(float)
    n, flat = xi.size, np.sort(xi.ravel())
    assert n > 100_000
    sigma = 1 if distribution == "normal" else math.sqrt(1 / 12)
    kurtosis = 3 if distribution == "normal" else 1.8
    assert abs(flat.mean()) < 4 * sigma / math.sqrt(n)
    assert abs(flat.var() / sigma**2 - 1) < 4 * math.sqrt((kurtosis - 1) / n)
    assert abs((flat**4).mean() / sigma**4 - kurtosis) < 4 * 10 / math.sqrt(n)
    cumulative = [0.5 + 0.5 * math.erf(v / math.sqrt(2)) if distribution == "normal" else v + 0.5 for v in flat]
    assert np.abs(np.array(cumulative) - (np.arange(n) + 0.5) / n).max() < 1.95 / math.sqrt(n)  # Kolmogorov, 0.1 %
    if distribution == "uniform":
        assert -0.5 <= flat[0] < -0.4999
        assert 0.4999 < flat[-1] < 0.5
    else:
        assert (np.abs(flat) > 3).sum() == pytest.approx(0.0027 * n, abs=5 * math.sqrt(0.0027 * n))
    neighbours = [(xi[1:], xi[:-1]), (xi[:, 1:], xi[:, :-1]), (xi[..., 1:], xi[..., :-1])]
    for a, b in neighbours:
        assert abs((a * b).mean()) < 4 * sigma**2 / math.sqrt(n)


def test_images_differ_by_their_counters_alone(device: Device) -> None:
    values = np.repeat(random_images(4, 1, 5, 6, 7), 4, axis=0)
    counter = counters(1).repeat(4, axis=0)
    counter[1, 2] += 1
    counter[2, 0] += 1
    got = changed(device, values, {"white": white(np.full(4, 0.1), counter, "uniform")})
    assert got[0].tobytes() == got[3].tobytes()
    assert not np.isclose(got[0], got[1], atol=1e-4).any(axis=-1).all()
    assert len({image.tobytes() for image in got}) == 3
    other = changed(device, values, {"white": white(np.full(4, 0.1), counter, "uniform", KEY ^ 1 << 63)})
    assert not {image.tobytes() for image in got} & {image.tobytes() for image in other}


@st.composite
def chains(draw):
    """Return images and any chain of steps in their usual order."""
    m, nx, ny = draw(st.integers(1, 3)), draw(st.integers(1, 11)), draw(st.integers(1, 19))
    n_out, seed = draw(st.integers(1, 11)), draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    asked = draw(st.sets(st.sampled_from(ORDER)))
    rectangles = draw(st.integers(0, 3))
    drift, slope = rng.uniform(-3, 3, (m, n_out, 2)), rng.uniform(-1, 1, (m, 2))
    amplitude, cutouts = rng.uniform(0, 1, m), rng.integers(-3, 20, (m, rectangles, 4))
    distribution, key = draw(st.sampled_from(["uniform", "normal"])), draw(st.integers(0, 2**64 - 1))
    every = {
        "drift": {"shift": drift}, "normalise": {}, "gradient": {"slope": slope},
        "white": white(amplitude, counters(m, seed), distribution, key), "cutouts": {"rectangles": cutouts},
    }  # fmt: skip
    return random_images(seed, m, nx, ny, n_out), {kind: every[kind] for kind in ORDER if kind in asked}


def noise_of(chain: Chain, i: int, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return amplitude·ξ of image i."""
    if "white" not in chain:
        return None
    step = chain["white"]
    return step["amplitude"][i] * oracle.xi(shape, step["key"], step["counter"][i], step["distribution"])


def shift_of(chain: Chain, i: int, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the drift of image i in pixels."""
    step = [2 * HALF / (n - 1) if n > 1 else math.inf for n in shape[:2]]
    return chain["drift"]["shift"][i] / step if "drift" in chain else None


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
@settings(max_examples=60, deadline=None)
@given(chain=chains())
def test_the_whole_chain(lanes: str, chain, request: pytest.FixtureRequest) -> None:
    values, chain = chain
    got = changed(request.getfixturevalue(lanes), values, chain)
    for i, (image, image_got) in enumerate(zip(values.astype(float), got, strict=True)):
        shape = image.shape
        want = oracle.noisy(
            image,
            shift_of(chain, i, shape),
            "normalise" in chain,
            chain["gradient"]["slope"][i] if "gradient" in chain else None,
            noise_of(chain, i, shape),
            chain["cutouts"]["rectangles"][i] if "cutouts" in chain else (),
        )
        # If two or three drifted pixels are almost equal, their deviations have lost their digits.
        spread = oracle.noisy(image, shift_of(chain, i, shape)).std(axis=(0, 1))
        sharp = (spread > 1e-2) | ("normalise" not in chain)
        assert image_got[..., sharp] == pytest.approx(want[..., sharp], rel=0, abs=1e-4)


@lanes_of
def test_steps_run_in_the_order_given_and_may_be_repeated(lanes: str, request: pytest.FixtureRequest) -> None:
    """Each step reads the statistics after the last change of the slices, and normalise those of its own input."""
    device, m, shape = request.getfixturevalue(lanes), 2, (9, 13, 7)
    values, rng = random_images(8, m, *shape), np.random.default_rng(9)
    slope, other = rng.uniform(-1, 1, (2, m, 2))
    shift, noise = rng.uniform(-2, 2, (m, 7, 2)), white(rng.uniform(0, 1, m), counters(m))
    rectangles = np.array([[[1, 2, 4, 9]], [[0, 0, 3, 5]]])
    step = {kind: NOISE_STEPS[kind] for kind in ORDER}
    steps = [
        step["gradient"](slope=slope), step["normalise"](), step["cutouts"](rectangles=rectangles),
        step["drift"](shift=shift), step["white"](**noise), step["gradient"](slope=other), step["drift"](shift=-shift),
        step["normalise"](), step["normalise"](),
    ]  # fmt: skip
    got = changed(device, values, steps)
    for i in range(m):
        pixels = shift_of({"drift": {"shift": shift}}, i, shape)
        want = oracle.noisy(values[i].astype(float), gradient=slope[i])
        want = oracle.noisy(want, normalise=True, cutouts=rectangles[i])
        want = oracle.noisy(want, shift=pixels, gradient=other[i], noise=noise_of({"white": noise}, i, shape))
        want = oracle.noisy(want, shift=-pixels, normalise=True)
        assert got[i] == pytest.approx(want, rel=0, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(chain=chains())
def test_steps_without_effect(device: Device, chain) -> None:
    values, chain = chain
    m = len(values)
    quiet = {"cutouts": {"rectangles": np.full((m, 2, 4), 3)}}
    assert changed(device, values, quiet).tobytes() == values.tobytes()
    for nothing in ({"white": white(np.zeros(m), counters(m))}, {"gradient": {"slope": np.zeros((m, 2))}},
                    {"drift": {"shift": np.zeros((*values.shape[::3], 2))}}):  # fmt: skip
        assert np.array_equal(changed(device, values, quiet | nothing), values)
    rest = {kind: parameters for kind, parameters in chain.items() if kind != "white"}
    without = changed(device, values, rest)
    assert np.array_equal(changed(device, values, rest | {"white": white(np.zeros(m), counters(m))}), without)


@settings(max_examples=30, deadline=None)
@given(chain=chains())
def test_cut_out_pixels_are_the_mean_and_others_are_untouched(device: Device, chain) -> None:
    values, chain = chain
    m, nx, ny, _ = values.shape
    rectangles = np.random.default_rng(m * nx * ny).integers(-2, 14, (m, 2, 4))
    whole, cut = (
        changed(device, values, chain | {"cutouts": {"rectangles": c}}) for c in (np.full((m, 1, 4), 3), rectangles)
    )
    everywhere = np.tile([0, 0, nx, ny], (m, 1, 1))
    mean = changed(device, values, chain | {"cutouts": {"rectangles": everywhere}})
    x, y = np.arange(nx)[:, None], np.arange(ny)
    for i in range(m):
        inside = np.any([(a <= x) & (x < c) & (b <= y) & (y < d) for a, b, c, d in rectangles[i]], axis=0)
        assert np.array_equal(cut[i], np.where(inside[..., None], mean[i], whole[i]))
        assert np.array_equal(mean[i], np.broadcast_to(mean[i, 0, 0], mean[i].shape))


def full_chain(m: int, n_out: int) -> Chain:
    rng = np.random.default_rng(m)
    return {
        "drift": {"shift": rng.normal(0, 0.5, (m, n_out, 2))}, "normalise": {},
        "gradient": {"slope": rng.uniform(-0.3, 0.3, (m, 2))},
        "white": white(rng.uniform(0.05, 0.1, m), counters(m)),
        "cutouts": {"rectangles": rng.integers(0, 7, (m, 2, 4))},
    }  # fmt: skip


def only(chain: Chain, i: int) -> Chain:
    """Return the chain for image i alone."""
    return {
        kind: {name: value[i : i + 1] if isinstance(value, np.ndarray) else value for name, value in parameters.items()}
        for kind, parameters in chain.items()
    }


@lanes_of
def test_images_are_the_same_bytes_whatever_else_is_in_the_batch(lanes: str, request: pytest.FixtureRequest) -> None:
    device = request.getfixturevalue(lanes)
    molecules = [random_molecule(seed, 3 + seed) for seed in range(4)]
    images = [make_images([0], [window()], (7, 5, 12), df_steps=4) for _ in range(8)]
    tips = join(*(replace(image, molecule=np.array([i // 2])) for i, image in enumerate(images)))
    noise, atoms = full_chain(8, 9), make_atoms(*molecules)
    whole = Simulator(device).run(atoms, tips, LJ_PC, FEW, noise=steps_of(noise))
    image_bytes = 4 * 7 * 5 * 9
    # The memory holds the images of one molecule, or only single images.
    for memory_bytes in (2 * (4 * image_bytes + 4 * 7 * 5 * len(FEW)), 2 * 2 * image_bytes):
        small = small_run(device, memory_bytes, atoms, tips, FEW, noise=steps_of(noise))
        assert small.df.tobytes() == whole.df.tobytes()
        assert small.quality.tolist() == whole.quality.tolist()
    for i in range(8):
        own = steps_of(only(noise, i))
        alone = Simulator(device).run(make_atoms(molecules[i // 2]), images[i], LJ_PC, noise=own)
        assert alone.df[0].tobytes() == whole.df[i].tobytes()
    plain = Simulator(device).run(atoms, tips, LJ_PC, FEW)
    assert plain.descriptors.tobytes() == whole.descriptors.tobytes()
    assert plain.quality.tolist() == whole.quality.tolist()
    want = changed(device, plain.df, noise)
    assert whole.df.tobytes() == want.tobytes()


def test_an_image_that_does_not_fit_whole_is_refused(device: Device) -> None:
    atoms, images = make_atoms(random_molecule(1, 3)), make_images([0], [window()], (7, 5, 12), df_steps=4)
    result_bytes = 2 * (2 * 4 * 7 * 5 * 9 - 1)
    assert np.isfinite(small_run(device, result_bytes, atoms, images).df).all()
    with pytest.raises(DeviceLimit, match=r"^noise: an image.* whole"):
        small_run(device, result_bytes, atoms, images, noise=steps_of({"normalise": {}}))


def test_noise_does_not_change_the_flags(device: Device) -> None:
    buried = replace(make_atoms(random_molecule(1, 1)), charge=np.array([1e30]))
    images = make_images([0], [window()], (7, 5, 12), df_steps=4)
    cut = steps_of({"normalise": {}, "cutouts": {"rectangles": np.array([[[0, 0, 7, 5]]])}})
    plain, noisy = (Simulator(device).run(buried, images, LJ_PC, noise=steps) for steps in ([], cut))
    assert plain.quality[0] & 8
    assert not noisy.df.any()
    assert noisy.quality.tolist() == plain.quality.tolist()


def test_without_steps_there_are_no_arrays(device: Device) -> None:
    atoms, images = make_atoms(random_molecule(1, 3)), make_images([0], [window()], (7, 5, 12), df_steps=4)
    prepared = Simulator(device).prepare(atoms, images, LJ_PC)
    assert not prepared.noise
    assert not [name for name in prepared.arrays if name.startswith("noise")]


WHITE = white(np.ones(2), counters(2))


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("drift", {"shift": np.zeros((2, 3))}, "shift"), ("drift", {"shift": np.full((2, 3, 2), np.nan)}, "shift"),
        ("drift", {"shift": np.zeros((1, 3, 2))}, "shift: expected one entry for each of 2 images"),
        ("drift", {"shift": np.zeros((2, 4, 2))}, "shift: expected one shift for each of 3 slices"),
        ("gradient", {"slope": np.zeros(2)}, "slope"),
        ("white", WHITE | {"amplitude": np.array([1, -1])}, "amplitude"),
        ("white", WHITE | {"counter": counters(3)}, "counter: expected one entry for each of 2"),
        ("white", WHITE | {"counter": np.full((2, 3), -1)}, "counter: words"),
        ("white", WHITE | {"counter": np.full((2, 3), 0.5)}, "counter: expected integers"),
        ("white", WHITE | {"key": 1 << 64}, "key"), ("white", WHITE | {"distribution": "gaussian"}, "distribution"),
        ("cutouts", {"rectangles": np.zeros((2, 4), int)}, "rectangles"),
        ("cutouts", {"rectangles": np.zeros((2, 1, 4))}, "rectangles"),
    ],
)  # fmt: skip
def test_steps_that_fit_no_images_are_refused(kind: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^noise.{kind}.{message}"):
        NoiseChain([NOISE_STEPS[kind](**parameters)]).arrays(scans(2, 5, 4, 3))


def test_white_noise_without_counters_is_refused() -> None:
    with pytest.raises(TypeError, match="counter"):
        NOISE_STEPS["white"](amplitude=np.ones(2), distribution="normal", key=0)
