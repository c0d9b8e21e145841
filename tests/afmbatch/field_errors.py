"""The error that a spec is refused with, as the service shows it to a user."""

import pytest
from pydantic import ValidationError

from afmbatch.errors import FieldError
from afmbatch.spec.job import JobSpec
from service.transport.field_errors import field_errors
from tests.afmbatch.specs import spec

_SCHEMA = JobSpec.model_json_schema()


def field_error_of(**changes) -> FieldError:
    """Return the only error of the common job with these changes."""
    with pytest.raises(ValidationError) as info:
        spec(**changes)
    (error,) = field_errors(info.value.errors(), _SCHEMA)
    return error
