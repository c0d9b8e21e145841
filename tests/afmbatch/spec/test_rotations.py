import numpy as np
import pytest

from tests.afmbatch.refusals import refused
from tests.afmbatch.specs import TURNS, spec

MIRROR = [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]
SHEAR = [[1, 0.001, 0], [0, 1, 0], [0, 0, 1]]
DOUBLE = [[2, 0, 0], [0, 2, 0], [0, 0, 2]]


@pytest.mark.parametrize("wrong", [MIRROR, SHEAR, DOUBLE, np.zeros((3, 3)).tolist()])
def test_what_is_no_rotation_is_refused(wrong):
    fault = refused(rotations={"kind": "list", "rotations": [*TURNS, wrong, TURNS[0]]})
    assert fault.field == "rotations.rotations[2]"
    assert fault.value == str([[float(x) for x in row] for row in wrong])
    assert fault.reason == "it is no rotation"
    assert fault.accepted == "orthonormal rows with determinant 1"


def test_rotations_of_six_digits_are_accepted():
    c, s = round(np.cos(0.4), 7), round(np.sin(0.4), 7)
    assert spec(rotations={"kind": "list", "rotations": [[[c, -s, 0], [s, c, 0], [0, 0, 1]]]}).rotations.n == 1


def test_more_of_the_directions_than_there_are_is_refused():
    fault = refused(rotations={"kind": "directions", "directions": 10, "best": 11})
    assert (fault.field, fault.value) == ("rotations.best", "11")
    assert fault.reason == "more than there are directions"
    assert fault.accepted == "at most 10"


@pytest.mark.parametrize(
    ("rotations", "n"),
    [
        ({"kind": "none"}, 1),
        ({"kind": "directions"}, 30),
        ({"kind": "directions", "directions": 7, "best": 7}, 7),
        ({"kind": "uniform"}, 1),
        ({"kind": "uniform", "n": 5}, 5),
        ({"kind": "list", "rotations": TURNS}, 2),
    ],
)
def test_each_kind_says_how_many_there_are(rotations, n):
    assert spec(rotations=rotations).rotations.n == n


def test_the_kind_is_one_of_four():
    fault = refused(rotations={"kind": "random"})
    assert (fault.field, fault.value) == ("rotations.kind", "random")
    assert fault.accepted == "one of 'directions', 'list', 'none', 'uniform'"


def test_a_list_has_a_rotation():
    assert refused(rotations={"kind": "list", "rotations": []}).field == "rotations.rotations"
