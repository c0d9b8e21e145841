import numpy as np
import pytest

from kernels.device.device import Device
from kernels.errors import InvalidInput
from kernels.sample_frames import SampleFrames
from kernels.simulator import Simulator
from tests.kernels.cases import LJ_PC, make_atoms, make_images, random_molecule, window


@pytest.mark.parametrize(
    ("rotation", "origin", "name"),
    [
        (np.eye(3), np.zeros((1, 3)), "rotation"),
        (np.eye(3)[None], np.zeros((2, 3)), "origin"),
        (2 * np.eye(3)[None], np.zeros((1, 3)), "rotation"),
        (np.full((1, 3, 3), np.nan), np.zeros((1, 3)), "rotation"),
    ],
)
def test_frames_that_are_not_orthogonal_are_refused(rotation: np.ndarray, origin: np.ndarray, name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        SampleFrames(rotation, origin)


def test_each_molecule_needs_a_frame(device: Device) -> None:
    atoms, images = make_atoms(random_molecule(1, 3)), make_images([0], [window()], (7, 5, 6))
    with pytest.raises(InvalidInput, match="frames: expected one for each of 1 molecules, got 2"):
        Simulator(device).prepare(
            atoms, images, LJ_PC, frames=SampleFrames(np.tile(np.eye(3), (2, 1, 1)), np.zeros((2, 3)))
        )
