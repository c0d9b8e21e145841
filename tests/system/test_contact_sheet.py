import matplotlib.image
import numpy as np

from afmbatch.cli.contact_sheet import draw
from afmbatch.storage.batch_file import npz_chunks


def test_shows_a_row_a_structure_and_a_column_an_image(tmp_path):
    rng = np.random.default_rng(0)
    afm, desc = rng.normal(size=(3, 1, 20, 16, 10)), rng.normal(size=(3, 2, 20, 16))
    arrays = {
        "afm": afm,
        "desc": desc,
        "desc_names": np.array(["bonds", "vdw_spheres"]),
        "mol_offsets": np.array([0, 3, 9, 12]),
        "structure": np.array([1, 0, 1]),
        "distance": np.full((3, 1), 4.5),
    }
    (tmp_path / "b.npz").write_bytes(b"".join(npz_chunks(arrays)))
    draw([tmp_path / "b.npz"], ["benzene", "furan"], tmp_path / "sheet.png")
    image = matplotlib.image.imread(tmp_path / "sheet.png")
    assert image.shape[1] > 600
    assert image[..., :3].std() > 0.1
