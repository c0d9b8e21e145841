import matplotlib.image
import numpy as np

from afmbatch.cli.demo import run


def test_the_demo_leaves_batches_and_a_picture(tmp_path):
    run(tmp_path, samples=21)
    made = ["batch-00000000.npz", "batch-00000001.npz", "contact-sheet.png", "server.log"]
    assert [p.name for p in sorted(tmp_path.iterdir())] == made
    with np.load(tmp_path / "batch-00000001.npz", allow_pickle=False) as batch:
        assert batch["afm"].shape == (1, 1, 128, 128, 10)
    assert matplotlib.image.imread(tmp_path / "contact-sheet.png").shape[1] > 600
