import numpy as np

from service.contract.structures import Structures


def some():
    return Structures(
        xyz=np.arange(18.0).reshape(6, 3),
        q=np.array([0.1, -0.1, np.nan, np.nan, np.nan, 0.0]),
        z=np.array([6, 8, 1, 1, 8, 54]),
        offsets=np.array([0, 2, 5, 6]),
        names=np.array(["a.xyz", "b.xyz", "c.xyz#2"]),
    )


def test_round_trip_through_the_file():
    back = Structures.from_bytes(some().to_bytes())
    assert back.digest == some().digest
    assert all(
        np.array_equal(a, b, equal_nan=n == "q") for (n, a), (_, b) in zip(some().arrays(), back.arrays(), strict=True)
    )


def test_uncharged_structures_are_known():
    assert some().uncharged.tolist() == [1]


def test_gather_repeats_and_reorders():
    index, offsets = some().gather(np.array([2, 0, 2, 1]))
    assert index.tolist() == [5, 0, 1, 5, 2, 3, 4]
    assert offsets.tolist() == [0, 1, 3, 4, 7]
