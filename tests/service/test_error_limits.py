"""A bad body of a megabyte gets a short answer, which says that it is not the whole list of errors."""

import json
import time

import pytest

from afmbatch.errors import MAX_FIELD_ERRORS

from .conftest import problem

LARGE = {
    "unknown fields": {f"field{n}": n for n in range(50_000)},
    "bad items": {"dataset": "ds-0", "tips": [1] * 180_000},
    "incomplete items": {"dataset": "ds-0", "noise": [{}] * 130_000},
    "too many items": {"dataset": "ds-0", "ignored_elements": [8] * 180_000},
    "a long name": {"x" * 1_000_000: 1},
    "a long value": {"dataset": "x" * 1_000_000},
}


@pytest.mark.parametrize("spec", LARGE.values(), ids=LARGE)
def test_a_bad_body_of_a_megabyte(service, spec):
    body = json.dumps(spec)
    assert 500_000 < len(body) <= 1 << 20
    begin = time.monotonic()
    answer = service.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert time.monotonic() - begin < 8  # once minutes
    assert answer.status_code == 422
    assert 1 <= len(problem(answer)["errors"]) <= MAX_FIELD_ERRORS
    assert len(answer.content) < 50_000


def test_errors_that_are_not_listed(service):
    def refused(unknown):
        spec = {"dataset": "ds-0", **{f"field{n}": n for n in range(unknown)}}
        return problem(service.http.post("/v1/jobs", json=spec))

    all_listed, cut = refused(MAX_FIELD_ERRORS), refused(MAX_FIELD_ERRORS + 1)
    assert len(all_listed["errors"]) == len(cut["errors"]) == MAX_FIELD_ERRORS
    assert "not listed" not in all_listed["detail"]
    assert cut["detail"].endswith("; further errors are not listed")
