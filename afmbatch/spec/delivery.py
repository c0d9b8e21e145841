"""How batches are delivered: kept until the job is deleted, or streamed through a bounded buffer."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from afmbatch.spec.model import MAX_INT, Model

BatchNumber: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INT)]


class KeepDelivery(Model):
    """Every batch stays until the job is deleted."""

    kind: Literal["keep"] = "keep"


class StreamDelivery(Model):
    """Batches are made ahead of their readers, and dropped when they are acknowledged."""

    kind: Literal["stream"]
    buffer_batches: int = Field(
        default=64,
        ge=2,
        le=100_000,
        description="How far ahead: so many batches from the first on that is not acknowledged.",
    )

    @property
    def shard_batches(self) -> int:
        """Batches of a task: few, for the buffer is filled by whole tasks."""
        return max(1, self.buffer_batches // 8)


class Acknowledgement(Model):
    """Batches that their reader is done with."""

    batches: Annotated[tuple[BatchNumber, ...], Field(max_length=100_000)] = Field(
        description="Their numbers; those that were acknowledged before may be among them."
    )


class Rewinding(Model):
    """Where a reader goes back to."""

    batch: BatchNumber = Field(description="The first batch that is to come again.")


Delivery: TypeAlias = Annotated[KeepDelivery | StreamDelivery, Field(discriminator="kind")]
