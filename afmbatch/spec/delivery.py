"""The delivery of batches: kept until the job is deleted, or streamed through a bounded buffer."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from afmbatch.spec.model import MAX_INT, Model

BatchNumber: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INT)]


class KeepDelivery(Model):
    """Every batch is kept until the job is deleted."""

    kind: Literal["keep"]


class StreamDelivery(Model):
    """Batches are made ahead of their readers and deleted once they are acknowledged."""

    kind: Literal["stream"]
    buffer_batches: int = Field(
        default=64,
        ge=2,
        le=100_000,
        description="Size of the buffer: how many batches are made ahead, counted from the first one that is not "
        "acknowledged.",
    )

    @property
    def shard_batches(self) -> int:
        """The number of batches in a shard. Whole shards fill the buffer, so a shard is a small part of it."""
        return max(1, self.buffer_batches // 8)


class Acknowledgement(Model):
    """The batches that a reader has finished with."""

    batches: Annotated[tuple[BatchNumber, ...], Field(max_length=100_000)] = Field(
        description="Numbers of the batches that the reader has finished with; batches acknowledged before are ignored."
    )


class Rewinding(Model):
    """The batch that a reader goes back to."""

    batch: BatchNumber = Field(description="Number of the first batch that is delivered again.")


Delivery: TypeAlias = Annotated[KeepDelivery | StreamDelivery, Field(discriminator="kind")]
