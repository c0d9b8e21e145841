"""Numbers come out of a text the same wherever its blocks end, and a bad word is named with its line."""

import re
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.errors import InvalidInput
from afmbatch.grids import text_reader
from afmbatch.grids.text_reader import TextReader, parse_numbers
from tests.afmbatch.grids.reading import Pipe

BLANKS = st.sampled_from([" ", "  ", "\n", "\r\n", "\t", " \n ", "\n\n"])
WORDS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.integers(-1000, 1000).map(str),
    st.sampled_from(["1.5D-03", "-2.5d+1", "1.234-104", "0.1E-5", "+7.", ".5"]),
)


def number(word: str) -> float:
    fixed = re.sub("[dD]", "E", word)
    return float(re.sub(r"(\d)(-\d{3})$", r"\1E\2", fixed))


@given(
    st.lists(st.tuples(WORDS, BLANKS), min_size=1, max_size=60),
    st.sampled_from(["", "END_DATAGRID_3D\nx", "augmentation 1 2", "99 98\n"]),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_block_boundaries_change_nothing(words, after, block, piece):
    text = "header\n" + "".join(w + b for w, b in words) + after
    with patch.object(text_reader, "BLOCK_BYTES", block):
        reader = TextReader(Pipe(text.encode(), piece), "f")
        assert reader.line("a header") == "header"
        found = np.concatenate(list(reader.values(len(words))))
        assert found.tolist() == [number(w) for w, _ in words]
        assert b"".join(reader.rest()).split() == after.encode().split()


@given(st.lists(WORDS, min_size=1, max_size=30), st.data(), st.integers(1, 30))
def test_a_word_that_is_no_number_is_named(words, data, block):
    bad = data.draw(st.integers(0, len(words) - 1))
    words[bad] = data.draw(st.sampled_from(["*****", "1.2.3", "1,5", "0x10", "1_000", "-", "1.5-2.5"]))
    with patch.object(text_reader, "BLOCK_BYTES", block):
        reader = TextReader(Pipe("\n".join(words).encode(), block), "f")
        with pytest.raises(InvalidInput) as info:
            list(reader.values(len(words)))
    (fault,) = info.value.field_errors
    assert fault.field == f"f, line {bad + 1}"
    assert fault.value == words[bad]
    assert fault.reason == f"value {bad + 1} is not a number"


@pytest.mark.parametrize("text", [b"", b" ", b"\n\n "])
def test_blanks_hold_no_numbers(text):
    assert parse_numbers(text).tolist() == []


def test_a_file_that_ends_early():
    reader = TextReader(Pipe(b"1 2 3", 2), "f")
    with pytest.raises(InvalidInput, match="the file ends after 3 of 4 values"):
        list(reader.values(4))


def test_endless_lines_words_and_blanks_are_refused():
    with pytest.raises(InvalidInput, match="more than 65536 bytes"):
        TextReader(Pipe(b"x" * 10_000_000, 1 << 20), "f").line("a comment")
    with pytest.raises(InvalidInput, match="a word of more than 256 bytes"):
        list(TextReader(Pipe(b"1 2 " + b"3" * 10_000_000, 1 << 20), "f").values(9))
    reader = TextReader(Pipe(b"1 2 " + b" " * 40_000_000, 1 << 20), "f")
    assert [block.tolist() for block in reader.values(2)] == [[1, 2]]
    with pytest.raises(InvalidInput, match="bytes of the file follow the values"):
        list(reader.rest())
    with pytest.raises(InvalidInput, match="more than 256 bytes per number before number 3"):
        list(TextReader(Pipe(b"1 2 " + b" " * 10_000_000, 1 << 20), "f").values(9))
