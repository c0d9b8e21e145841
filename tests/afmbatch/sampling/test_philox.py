import numpy as np

from afmbatch.sampling.philox import philox, to_unit_interval


def words(*values):
    return np.array(values, dtype=np.uint64)[:, None]


def test_known_answers_of_the_random123_distribution():
    for counter, key, expected in [
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ]:
        assert tuple(int(w[0]) for w in philox(key, words(*counter))) == expected


def test_a_block_is_the_same_alone_and_among_others():
    counter = np.zeros((4, 100), dtype=np.uint64)
    counter[0] = np.arange(100)
    assert np.array_equal(philox(7, counter)[:, 42], philox(7, words(42, 0, 0, 0))[:, 0])


def test_unit_interval_covers_the_interval_without_its_end():
    low, high = words(0, 0xFFFFFFFF)
    assert to_unit_interval(low, low)[0] == 0.0
    assert to_unit_interval(high, high)[0] == 1.0 - 2.0**-53
