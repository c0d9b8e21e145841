"""The example that images a molecule by all three force fields works as a user runs it."""

import matplotlib.image
import numpy as np

from examples.force_fields import main


def test_three_force_fields_side_by_side(service, tmp_path):
    main(url=service.stack.url, output=tmp_path, pixels=13)
    batches = {}
    for kind in ("lj_pc", "lj_hartree", "fdbm"):
        with np.load(tmp_path / f"{kind}.npz", allow_pickle=False) as file:
            batches[kind] = dict(file)
    first = batches["lj_pc"]
    for kind, batch in batches.items():
        assert batch["afm"].shape == (1, 1, 13, 13, 13), kind
        for name in ("heights", "scan_windows", "rotation", "r0"):
            assert batch[name].tobytes() == first[name].tobytes(), (kind, name)
        assert np.abs(batch["mols"][:, :3] - first["mols"][:, :3]).max() < 1e-5
    for one, other in (("lj_pc", "lj_hartree"), ("lj_pc", "fdbm"), ("lj_hartree", "fdbm")):
        far = [batches[kind]["afm"][0, 0, :, :, 0].ravel() for kind in (one, other)]
        assert np.corrcoef(*far)[0, 1] < 0.99, (one, other)
    assert matplotlib.image.imread(tmp_path / "force-fields.png").shape[1] > 600
