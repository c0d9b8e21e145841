import matplotlib.image
import numpy as np

from examples.picture import render


def test_a_picture_is_drawn(tmp_path):
    random = np.random.default_rng(1)
    afm, predicted, target = random.random((2, 10, 8, 8)), random.random((2, 3, 8, 8)), random.random((2, 3, 8, 8))
    curve = [{"step": 1, "loss": 0.5, "held_out": 0.6}, {"step": 2, "loss": 0.4, "held_out": 0.5}]
    render(["one", "two"], afm, predicted, target, ["a", "b", "c"], curve, tmp_path / "picture.png")
    pixels = matplotlib.image.imread(tmp_path / "picture.png")[..., :3]
    assert pixels.shape[1] > 600
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200  # colours: the cells show something
