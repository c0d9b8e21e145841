"""What a spec is refused for, as a person is told."""

import pytest
from pydantic import ValidationError

from service.contract.errors import Fault
from service.contract.spec import JobSpec
from service.faults import faults
from tests.contract.specs import spec

_SCHEMA = JobSpec.model_json_schema()


def refused(**changes) -> Fault:
    """The one thing wrong with the common job with these changes."""
    with pytest.raises(ValidationError) as info:
        spec(**changes)
    (fault,) = faults(info.value.errors(), _SCHEMA)
    return fault
