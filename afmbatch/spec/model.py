"""The base class of all pydantic models, and the error that a model's own check raises."""

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

MAX_INT = 2**53 - 1  # the largest integer that every JSON client represents exactly

Finite: TypeAlias = Annotated[float, Field(ge=-1e4, le=1e4)]


class Model(BaseModel):
    """A frozen model that refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def refusal(field: str, value: Any, reason: str, accepted: str) -> PydanticCustomError:
    """Return the error for a value that a model's own check refuses.

    `field` is relative to the model, `reason` says why the value is refused, `accepted` says which values are accepted.
    """
    return PydanticCustomError(
        "refused", "{reason}", {"field": field, "value": value, "reason": reason, "accepted": accepted}
    )
