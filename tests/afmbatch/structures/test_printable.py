from afmbatch.structures.printable import printable


def test_text_is_escaped_and_cut_off():
    assert printable(b"a\x00\n\xff") == r"a\x00\n\xff"
    assert printable("a\udcff") == r"a\udcff"
    assert printable("x" * 81) == "x" * 79 + "…"
    assert printable("x" * 81, 200) == "x" * 81
