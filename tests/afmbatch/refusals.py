"""What a spec is refused for, as a person is told."""

import pytest
from pydantic import ValidationError

from afmbatch.errors import FieldError
from afmbatch.spec.job import JobSpec
from service.transport.field_errors import field_errors
from tests.afmbatch.specs import spec

_SCHEMA = JobSpec.model_json_schema()


def refused(**changes) -> FieldError:
    """The one thing wrong with the common job with these changes."""
    with pytest.raises(ValidationError) as info:
        spec(**changes)
    (error,) = field_errors(info.value.errors(), _SCHEMA)
    return error
