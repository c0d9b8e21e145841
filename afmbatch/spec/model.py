"""The base of every pydantic model of ours, and how a check of our own says what it would accept."""

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

MAX_INT = 2**53 - 1  # the largest integer that every JSON client carries unharmed

Finite: TypeAlias = Annotated[float, Field(ge=-1e4, le=1e4)]


class Model(BaseModel):
    """Frozen; unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def refusal(field: str, value: Any, reason: str, accepted: str) -> PydanticCustomError:
    """What a model's own check raises: `field` is relative to the model, `accepted` says what would pass."""
    return PydanticCustomError(
        "refused", "{reason}", {"field": field, "value": value, "reason": reason, "accepted": accepted}
    )
