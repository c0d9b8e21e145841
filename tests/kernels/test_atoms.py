from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import InvalidInput
from tests.kernels.cases import make_atoms, random_molecule

ATOMS = make_atoms(random_molecule(0, 4), random_molecule(1, 3))


@pytest.mark.parametrize("offsets", [[0, 4], [1, 4, 7], [0, 5, 4, 7], [0, 7, 7], [0], [0.0, 4.0, 7.0]])
def test_impossible_offsets_are_refused(offsets: list[float]) -> None:
    with pytest.raises(InvalidInput):
        replace(ATOMS, offsets=np.array(offsets))


@pytest.mark.parametrize(
    "change",
    [
        {"xyz": np.zeros((7, 2))},
        {"charge": np.full(7, np.nan)},
        {"vdw_radius": np.full(7, -1.0)},
        {"charge": ["?"]},
        {"number": np.arange(6)},
        {"number": np.full(7, -1)},
        {"number": np.ones(7)},
    ],
)
def test_other_shapes_and_numbers_are_refused(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(change))):
        replace(ATOMS, **change)


def test_top_is_per_molecule() -> None:
    z = ATOMS.xyz[:, 2]
    assert ATOMS.top(z).tolist() == [z[:4].max(), z[4:].max()]
    assert ATOMS.molecule.tolist() == [0] * 4 + [1] * 3
