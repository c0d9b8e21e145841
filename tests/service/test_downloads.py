"""The bytes that a request asks for, by RFC 9110."""

import pytest
from starlette.datastructures import Headers

from service.transport.downloads import is_wanted, requested_range
from service.transport.http_errors import PreconditionFailed, RangeNotSatisfiable

ETAG = '"abc"'
ALL = range(100)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", range(10)),
        ("bytes=10-", range(10, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=0-0", range(1)),
        ("bytes=99-99", range(99, 100)),
        ("bytes=50-1000", range(50, 100)),
        ("bytes=-1000", ALL),
        ("bytes=0-", ALL),
        ("Bytes= 1-2 ", range(1, 3)),
        # ignored: malformed ranges, ranges of another unit, several ranges
        ("bytes=9-0", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=1", None),
        ("bytes=--1", None),
        ("bytes=+1-2", None),
        ("bytes 0-9", None),
        ("items=0-9", None),
        ("bytes=0-1,5-6", None),
        ("bytes=0-1\n", None),
        (f"bytes={'9' * 5000}-", None),
        ("", None),
    ],
)
def test_a_single_range(header, expected):
    assert requested_range(Headers({"range": header}), ETAG, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={10**17}-"])
def test_a_range_outside_the_file(header):
    with pytest.raises(RangeNotSatisfiable) as e:
        requested_range(Headers({"range": header}), ETAG, 100)
    assert e.value.status == 416
    assert e.value.headers == {"Content-Range": "bytes */100"}


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (ETAG, range(10)),
        ('"other"', None),
        ('W/"abc"', None),  # a weak ETag does not promise the same bytes
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", None),
    ],
)
def test_a_range_only_of_the_same_file(if_range, expected):
    assert requested_range(Headers({"range": "bytes=0-9", "if-range": if_range}), ETAG, 100) == expected


def test_a_range_outside_another_file_is_no_error():
    assert requested_range(Headers({"range": "bytes=500-", "if-range": '"other"'}), ETAG, 100) is None


@pytest.mark.parametrize(
    ("headers", "send"),
    [
        ({}, True),
        ({"if-none-match": ETAG}, False),
        ({"if-none-match": f"W/{ETAG}"}, False),
        ({"if-none-match": f'"x", {ETAG}'}, False),
        ({"if-none-match": "*"}, False),
        ({"if-none-match": '"x"'}, True),
        ({"if-none-match": "abc"}, True),
        ({"if-match": ETAG}, True),
        ({"if-match": "*"}, True),
        ({"if-match": f'"x", {ETAG}', "if-none-match": ETAG}, False),
    ],
)
def test_whether_the_file_is_sent(headers, send):
    assert is_wanted(Headers(headers), ETAG) is send


@pytest.mark.parametrize("tags", ['"x"', f"W/{ETAG}", "abc", ""])
def test_a_condition_that_does_not_hold(tags):
    with pytest.raises(PreconditionFailed) as e:
        is_wanted(Headers({"if-match": tags}), ETAG)
    assert e.value.status == 412
