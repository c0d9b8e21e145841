import numpy as np
import pytest

from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import TURNS, spec

MIRROR = [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]
SHEAR = [[1, 0.001, 0], [0, 1, 0], [0, 0, 1]]
DOUBLE = [[2, 0, 0], [0, 2, 0], [0, 0, 2]]


@pytest.mark.parametrize("wrong", [MIRROR, SHEAR, DOUBLE, np.zeros((3, 3)).tolist()])
def test_a_matrix_that_is_not_a_rotation_is_refused(wrong):
    error = field_error_of(rotations={"kind": "list", "rotations": [*TURNS, wrong, TURNS[0]]})
    assert error.field == "rotations.rotations[2]"
    assert error.value == str([[float(x) for x in row] for row in wrong])
    assert error.reason == "the matrix is not a rotation"
    assert error.accepted == "orthonormal rows with determinant 1"


def test_rotations_of_six_digits_are_accepted():
    c, s = round(np.cos(0.4), 7), round(np.sin(0.4), 7)
    assert spec(rotations={"kind": "list", "rotations": [[[c, -s, 0], [s, c, 0], [0, 0, 1]]]}).rotations.n == 1


def test_more_of_the_directions_than_there_are_is_refused():
    error = field_error_of(rotations={"kind": "directions", "directions": 10, "best": 11})
    assert (error.field, error.value) == ("rotations.best", "11")
    assert error.reason == "more than the 10 directions to choose from"
    assert error.accepted == "at most 10"


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
def test_each_kind_has_a_number_of_rotations(rotations, n):
    assert spec(rotations=rotations).rotations.n == n


def test_the_kind_is_one_of_four():
    error = field_error_of(rotations={"kind": "random"})
    assert (error.field, error.value) == ("rotations.kind", "random")
    assert error.accepted == "one of 'directions', 'list', 'none', 'uniform'"


def test_a_list_has_a_rotation():
    assert field_error_of(rotations={"kind": "list", "rotations": []}).field == "rotations.rotations"
