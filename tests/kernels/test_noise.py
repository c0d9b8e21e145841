"""What is added to images: analytic answers, statistics of ξ, the whole chain against float64, and parts of batches."""

import math
from dataclasses import replace

import numpy as np
import pyopencl as cl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.device import Device
from kernels.errors import DeviceLimit, InvalidInput
from kernels.height_map import HeightMap
from kernels.maps import Map
from kernels.noise import SLICE_BYTES, Noise
from kernels.parts import Part
from kernels.scan import Images
from kernels.simulator import Simulator
from kernels.vdw_spheres import VdwSpheres
from kernels.workspace import Workspace
from tests.kernels import oracle
from tests.kernels.cases import make_atoms, make_images, random_molecule, window
from tests.kernels.test_simulator import join

HALF = 4.0  # Å, of the window
KEY = 0xFEDCBA9876543210


def scans(m: int, nx: int, ny: int, n_out: int) -> Images:
    return make_images([0] * m, [window(half=HALF)] * m, (nx, ny, n_out + 1))


def changed(device: Device, values: np.ndarray, noise: Noise) -> np.ndarray:
    """Images (M, nx, ny, n_out) after the noise."""
    m, nx, ny, n_out = values.shape
    memory, out = Workspace(device), np.empty(values.shape, np.float32)
    buffers, copies = memory.upload({"df": values.astype(np.float32), **noise.arrays(scans(*values.shape))})
    copies[-1].wait()
    slices, result = memory.buffer("slices", SLICE_BYTES * m * n_out), memory.buffer("out", out.nbytes)
    part = Part(range(m), range(nx), range(0))
    noise.launch(device, buffers, (nx, ny), n_out, part, buffers["df"], slices, result)
    cl.enqueue_copy(device.queue, out, result)
    return out


def random_images(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(-3, 2, shape).astype(np.float32)


def counters(m: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 32, (m, 3), dtype=np.uint32)


lanes_of = pytest.mark.parametrize("lanes", ["device", "scalar_device"])

FEW = [Map(HeightMap()), Map(VdwSpheres())]


@lanes_of
def test_drift_reads_further_along(lanes: str, request: pytest.FixtureRequest) -> None:
    device = request.getfixturevalue(lanes)
    nx, ny, n_out = 9, 17, 3
    step_x, step_y = 2 * HALF / (nx - 1), 2 * HALF / (ny - 1)
    x, y = np.arange(nx)[:, None, None] * step_x, np.arange(ny)[:, None] * step_y
    plane = (2 * x - 3 * y + np.zeros(n_out))[None]
    drift = np.array([[[0.3, -0.4], [-1.7, 0.1], [2 * step_x, -3 * step_y]]])
    got = changed(device, plane, Noise(drift=drift))
    reached_x, reached_y = np.clip(x + drift[0, :, 0], 0, 2 * HALF), np.clip(y + drift[0, :, 1], 0, 2 * HALF)
    assert got[0] == pytest.approx(2 * reached_x - 3 * reached_y, abs=1e-5)
    values = random_images(1, 1, nx, ny, n_out)
    whole = changed(device, values, Noise(drift=drift))[0, :, :, 2]
    assert whole[: nx - 2, 3:] == pytest.approx(values[0, 2:, : ny - 3, 2], abs=1e-6)


@lanes_of
def test_normalised_slices(lanes: str, request: pytest.FixtureRequest) -> None:
    values = random_images(2, 1, 37, 29, 11)
    values[..., 1] = 0.1  # no sum of it is exact
    values[..., 2] = 1e4 + np.round(8 * values[..., 2]) / 8  # large, and hardly varies
    values[..., 3] *= 1e-15
    values[0, 0, 0, 10] = 1e5  # the pixel that sums start from is far away
    got = changed(request.getfixturevalue(lanes), values, Noise(normalise=True))[0].astype(float)
    assert not got[..., 1].any()
    mean, std = (np.delete(of, 1) for of in (got.mean(axis=(0, 1)), got.std(axis=(0, 1))))
    assert std == pytest.approx(1, abs=2e-6)
    assert mean == pytest.approx(0, abs=1e-3)  # of 1e4 ± 2 a float32 keeps no more
    assert np.delete(mean, 1) == pytest.approx(0, abs=1e-5)


@lanes_of
def test_a_gradient_is_a_plane_of_a_share_of_the_range(lanes: str, request: pytest.FixtureRequest) -> None:
    values = np.zeros((2, 7, 11, 2))
    values[:, 3, 5, 0] = [4, -8]  # the second slices are constant
    got = changed(request.getfixturevalue(lanes), values, Noise(gradient=np.array([[0.2, 0], [0.1, -0.4]])))
    assert not got[..., 1].any()
    assert got[0, [0, 3, 6], 0, 0] == pytest.approx([-0.4, 0, 0.4], abs=1e-6)
    assert got[0, 6, 10, 0] - got[0, 0, 0, 0] == pytest.approx(0.2 * 4, abs=1e-6)
    assert got[1, 3, 5, 0] == pytest.approx(-8)
    corners = got[1, [0, 0, 6, 6], [0, 10, 0, 10], 0]
    assert corners == pytest.approx([1.2, -2, 2, -1.2], abs=1e-6)


def draws(device: Device, distribution: str, nx: int, ny: int, n_out: int) -> np.ndarray:
    """ξ of an image: noise of amplitude 1 on slices whose range is 1."""
    values = np.zeros((1, nx, ny, n_out))
    values[0, 0, 0] = 1
    noise = Noise(amplitude=np.ones(1), distribution=distribution, key=KEY, counter=counters(1))
    return (changed(device, values, noise) - values)[0]


@lanes_of
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("shape", [(7, 13, 10), (3, 8, 1), (1, 17, 6)])
def test_every_draw_is_the_one_that_is_told(
    lanes: str, distribution: str, shape: tuple[int, int, int], request: pytest.FixtureRequest
) -> None:
    got = draws(request.getfixturevalue(lanes), distribution, *shape)
    want = oracle.xi(shape, KEY, counters(1)[0], distribution)
    tolerance = 0 if distribution == "uniform" else 3e-6
    assert got.reshape(-1, shape[2])[1:] == pytest.approx(want.reshape(-1, shape[2])[1:], rel=0, abs=tolerance)


@lanes_of
def test_normal_draws_at_both_ends(lanes: str, request: pytest.FixtureRequest) -> None:
    """Words that no small test meets: the smallest and largest of the logarithm, every octant of the angle."""
    device = request.getfixturevalue(lanes)
    w = np.arange(0, 1 << 24, 997)
    first = np.concatenate([[0, 1, 2, (1 << 24) - 1, (1 << 24) - 2], w])
    second = np.concatenate([[0, 1 << 21, 3 << 21, 5 << 21, 7 << 21], w[::-1]])
    source = """
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
    program = device.build(device.source("vector", "philox", "random") + source)
    words, got = np.column_stack((first, second)).astype(np.uint32), np.empty((len(first), 2), np.float32)
    given = cl.Buffer(device.context, cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR, hostbuf=words)
    out = cl.Buffer(device.context, cl.mem_flags.WRITE_ONLY, got.nbytes)
    device.launch(cl.Kernel(program, "pairs"), (len(first),), (64,), given, np.int32(len(first)), out)
    cl.enqueue_copy(device.queue, got, out)
    r, phi = np.sqrt(-2 * np.log((first + 1) / 2**24)), 2 * np.pi * second / 2**24
    assert got == pytest.approx(np.column_stack((r * np.cos(phi), r * np.sin(phi))), rel=0, abs=3e-6)
    assert np.abs(got).max() == pytest.approx(np.sqrt(48 * np.log(2)))


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_statistics_of_the_draws(device: Device, distribution: str) -> None:
    xi = draws(device, distribution, 101, 103, 10).astype(float)
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
    got = changed(device, values, Noise(amplitude=np.full(4, 0.1), key=KEY, counter=counter))
    assert got[0].tobytes() == got[3].tobytes()
    assert not np.isclose(got[0], got[1], atol=1e-4).any(axis=-1).all()
    assert len({image.tobytes() for image in got}) == 3
    other = changed(device, values, Noise(amplitude=np.full(4, 0.1), key=KEY ^ 1 << 63, counter=counter))
    assert not {image.tobytes() for image in got} & {image.tobytes() for image in other}


@st.composite
def chains(draw):
    """Images and any chain of changes."""
    m, nx, ny = draw(st.integers(1, 3)), draw(st.integers(1, 11)), draw(st.integers(1, 19))
    n_out, seed = draw(st.integers(1, 11)), draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    asked = draw(st.sets(st.sampled_from(["drift", "gradient", "amplitude", "cutouts"])))
    rectangles = draw(st.integers(0, 3))
    every = {
        "drift": rng.uniform(-3, 3, (m, n_out, 2)), "gradient": rng.uniform(-1, 1, (m, 2)),
        "amplitude": rng.uniform(0, 1, m), "cutouts": rng.integers(-3, 20, (m, rectangles, 4)),
    }  # fmt: skip
    noise = Noise(
        normalise=draw(st.booleans()), distribution=draw(st.sampled_from(["uniform", "normal"])),
        key=draw(st.integers(0, 2**64 - 1)), counter=counters(m, seed), **{name: every[name] for name in asked},
    )  # fmt: skip
    return random_images(seed, m, nx, ny, n_out), noise


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
@settings(max_examples=60, deadline=None)
@given(chain=chains())
def test_the_whole_chain(lanes: str, chain, request: pytest.FixtureRequest) -> None:
    values, noise = chain
    if not noise:
        return
    got = changed(request.getfixturevalue(lanes), values, noise)
    for i, (image, image_got) in enumerate(zip(values.astype(float), got, strict=True)):
        shape = image.shape
        step = [2 * HALF / (n - 1) if n > 1 else math.inf for n in shape[:2]]
        want = oracle.noisy(
            image,
            None if noise.drift is None else noise.drift[i] / step,
            noise.normalise,
            None if noise.gradient is None else noise.gradient[i],
            None if noise.amplitude is None
            else noise.amplitude[i] * oracle.xi(shape, noise.key, noise.counter[i], noise.distribution),
            () if noise.cutouts is None else noise.cutouts[i],
        )  # fmt: skip
        # Two or three drifted pixels may be so alike that their deviations have lost their digits.
        spread = oracle.noisy(image, None if noise.drift is None else noise.drift[i] / step).std(axis=(0, 1))
        sharp = (spread > 1e-2) | (not noise.normalise)
        assert image_got[..., sharp] == pytest.approx(want[..., sharp], rel=0, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(chain=chains())
def test_what_changes_nothing(device: Device, chain) -> None:
    values, noise = chain
    quiet = replace(
        noise, amplitude=None, drift=None, gradient=None, cutouts=np.full((len(values), 2, 4), 3), normalise=False
    )
    assert changed(device, values, quiet).tobytes() == values.tobytes()
    for nothing in ({"amplitude": np.zeros(len(values))}, {"gradient": np.zeros((len(values), 2))},
                    {"drift": np.zeros((*values.shape[::3], 2))}):  # fmt: skip
        assert np.array_equal(changed(device, values, replace(quiet, **nothing)), values)
    if replace(noise, amplitude=None):
        without = changed(device, values, replace(noise, amplitude=None))
        assert np.array_equal(changed(device, values, replace(noise, amplitude=np.zeros(len(values)))), without)


@settings(max_examples=30, deadline=None)
@given(chain=chains())
def test_cut_out_pixels_are_the_mean_and_others_are_untouched(device: Device, chain) -> None:
    values, noise = chain
    m, nx, ny, _ = values.shape
    rectangles = np.random.default_rng(m * nx * ny).integers(-2, 14, (m, 2, 4))
    whole, cut = (changed(device, values, replace(noise, cutouts=c)) for c in (np.full((m, 1, 4), 3), rectangles))
    mean = changed(device, values, replace(noise, cutouts=np.tile([0, 0, nx, ny], (m, 1, 1))))
    x, y = np.arange(nx)[:, None], np.arange(ny)
    for i in range(m):
        inside = np.any([(a <= x) & (x < c) & (b <= y) & (y < d) for a, b, c, d in rectangles[i]], axis=0)
        assert np.array_equal(cut[i], np.where(inside[..., None], mean[i], whole[i]))
        assert np.array_equal(mean[i], np.broadcast_to(mean[i, 0, 0], mean[i].shape))


EVERYTHING = ("drift", "gradient", "amplitude", "counter", "cutouts")


def full_noise(m: int, n_out: int) -> Noise:
    rng = np.random.default_rng(m)
    return Noise(
        drift=rng.normal(0, 0.5, (m, n_out, 2)), normalise=True, gradient=rng.uniform(-0.3, 0.3, (m, 2)),
        amplitude=rng.uniform(0.05, 0.1, m), distribution="normal", key=KEY, counter=counters(m),
        cutouts=rng.integers(0, 7, (m, 2, 4)),
    )  # fmt: skip


@lanes_of
def test_images_are_the_same_bytes_whatever_else_is_in_the_batch(lanes: str, request: pytest.FixtureRequest) -> None:
    device = request.getfixturevalue(lanes)
    molecules = [random_molecule(seed, 3 + seed) for seed in range(4)]
    images = [make_images([0], [window()], (7, 5, 12), df_steps=4) for _ in range(8)]
    tips = join(*(replace(image, molecule=np.array([i // 2])) for i, image in enumerate(images)))
    noise, atoms = full_noise(8, 9), make_atoms(*molecules)
    whole = Simulator(device).run(atoms, tips, FEW, noise=noise)
    image_bytes = 4 * 7 * 5 * 9
    # Room for one molecule's images at a time, or only for single images.
    for memory_bytes in (2 * (4 * image_bytes + 4 * 7 * 5 * len(FEW)), 2 * 2 * image_bytes):
        parts = Simulator(device, memory_bytes).run(atoms, tips, FEW, noise=noise)
        assert parts.df.tobytes() == whole.df.tobytes()
        assert parts.quality.tolist() == whole.quality.tolist()
    for i in range(8):
        own = replace(noise, **{name: getattr(noise, name)[i : i + 1] for name in EVERYTHING})
        alone = Simulator(device).run(make_atoms(molecules[i // 2]), images[i], noise=own)
        assert alone.df[0].tobytes() == whole.df[i].tobytes()
    plain = Simulator(device).run(atoms, tips, FEW)
    assert plain.descriptors.tobytes() == whole.descriptors.tobytes()
    assert plain.quality.tolist() == whole.quality.tolist()
    want = changed(device, plain.df, noise)
    assert whole.df.tobytes() == want.tobytes()


def test_an_image_that_is_not_whole_can_not_be_changed(device: Device) -> None:
    atoms, images = make_atoms(random_molecule(1, 3)), make_images([0], [window()], (7, 5, 12), df_steps=4)
    simulator = Simulator(device, 2 * (2 * 4 * 7 * 5 * 9 - 1))
    assert np.isfinite(simulator.run(atoms, images).df).all()
    with pytest.raises(DeviceLimit, match=r"^noise: an image.* whole"):
        simulator.run(atoms, images, noise=Noise(normalise=True))


def test_flags_are_the_simulations(device: Device) -> None:
    buried = replace(make_atoms(random_molecule(1, 1)), charge=np.array([1e30]))
    images = make_images([0], [window()], (7, 5, 12), df_steps=4)
    cut = Noise(normalise=True, cutouts=np.array([[[0, 0, 7, 5]]]))
    plain, changed_ = Simulator(device).run(buried, images), Simulator(device).run(buried, images, noise=cut)
    assert plain.quality[0] & 8
    assert not changed_.df.any()
    assert changed_.quality.tolist() == plain.quality.tolist()


def test_what_is_not_asked_for_is_not_done(device: Device) -> None:
    atoms, images = make_atoms(random_molecule(1, 3)), make_images([0], [window()], (7, 5, 12), df_steps=4)
    prepared = Simulator(device).prepare(atoms, images, noise=Noise(key=3, counter=counters(1)))
    assert prepared.noise is None
    assert not [name for name in prepared.arrays if name.startswith("noise")]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"drift": np.zeros((2, 3))}, "drift"), ({"drift": np.full((2, 3, 2), np.nan)}, "drift"),
        ({"drift": np.zeros((1, 3, 2))}, "drift: one for each of 2 images"),
        ({"drift": np.zeros((2, 4, 2))}, "drift: one for each of 3 slices"), ({"gradient": np.zeros(2)}, "gradient"),
        ({"amplitude": np.ones(2)}, "counter: noise needs"),
        ({"amplitude": np.array([1, -1]), "counter": counters(2)}, "amplitude"),
        ({"amplitude": np.ones(2), "counter": counters(3)}, "counter: one for each of 2"),
        ({"amplitude": np.ones(2), "counter": np.full((2, 3), -1)}, "counter: words"),
        ({"amplitude": np.ones(2), "counter": np.full((2, 3), 0.5)}, "counter: expected integers"),
        ({"key": 1 << 64}, "key"), ({"distribution": "gaussian"}, "distribution"),
        ({"cutouts": np.zeros((2, 4), int)}, "cutouts"), ({"cutouts": np.zeros((2, 1, 4))}, "cutouts"),
    ],
)  # fmt: skip
def test_noise_that_fits_no_images_is_refused(wrong: dict, said: str) -> None:
    with pytest.raises(InvalidInput, match="^noise." + said):
        Noise(**wrong).arrays(scans(2, 5, 4, 3))
