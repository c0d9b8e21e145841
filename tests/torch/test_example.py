"""The training example: its parts, and three steps of the whole."""

import json

import matplotlib.image
import pytest
import torch

from examples.fit import MeanImage, fit, images, loss_of, targets
from examples.held_out import HeldOut
from examples.task import HELD_OUT, RANGES
from examples.train import main
from examples.unet import UNet


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Let torch use one thread, because several slow each other down on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def batches(n):
    """Yield batches of random blobs: Δf shows them, and the descriptors their upper half."""
    random = torch.Generator().manual_seed(1)
    low, high = torch.tensor(list(RANGES.values())).T[:, :, None, None]
    for _ in range(n):
        blobs = torch.nn.functional.interpolate(torch.rand(8, 3, 4, 4, generator=random), size=16, mode="bilinear")
        afm = blobs.repeat(1, 4, 1, 1)[:, :10].permute(0, 2, 3, 1)[:, None]
        yield {"afm": afm, "desc": low + (high - low) * (blobs - 0.5).clamp(min=0)}


def test_the_network_learns():
    torch.manual_seed(1)
    network, mean = UNet(10, 3), MeanImage()
    steps = list(fit(network, batches(60), 60, mean))
    assert [step.samples for step in steps] == [8] * 60
    assert sum(step.loss for step in steps[-5:]) / 5 < 0.2
    assert all(step.waited > 0 and step.worked > 0 for step in steps)


def test_the_mean_image_has_a_loss_of_one():
    wanted = torch.rand(4, 3, 16, 16)
    mean = MeanImage()
    for part in wanted.split(2):
        mean.add(part)
    assert torch.allclose(mean.predict(), wanted.mean(dim=0))
    assert loss_of(mean.predict(), wanted, mean).item() == pytest.approx(1)
    assert loss_of(wanted, wanted, mean).item() == 0


def test_slices_are_channels_and_ranges_go_from_0_to_1():
    low, high = torch.tensor(list(RANGES.values())).T
    batch = {"afm": torch.rand(2, 1, 16, 8, 10), "desc": torch.stack([low, high])[:, :, None, None].expand(2, 3, 16, 8)}
    assert torch.equal(images(batch)[1, 3], batch["afm"][1, 0, :, :, 3])
    assert images(batch).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(targets(batch), torch.stack([torch.zeros(3, 16, 8), torch.ones(3, 16, 8)]))


def test_three_steps_from_nothing(tmp_path, monkeypatch):
    tested = []
    held_out = HeldOut.of
    monkeypatch.setattr(HeldOut, "of", lambda job: tested.append(held_out(job)) or tested[-1])
    main(url=None, steps=3, every=2, output=tmp_path, seed=1)
    numbers = json.loads((tmp_path / "training.json").read_text())
    assert [point["step"] for point in numbers["curve"]] == [2, 3]
    assert numbers["samples"] == 60
    assert 0 <= numbers["waiting"]["overall"] < 1
    assert matplotlib.image.imread(tmp_path / "training.png").shape[1] > 600
    (held,) = tested
    assert torch.bincount(held.molecule).tolist() == [30] * len(HELD_OUT)
    for d in range(3):
        assert held.wanted[:, d].min() >= 0
        assert held.wanted[:, d].max() == pytest.approx(1, abs=0.1)
