"""The client of an afmbatch service: it uploads structures, submits jobs and reads their batches for training."""

from afmbatch_client.batch import Batch
from afmbatch_client.client import Client
from afmbatch_client.errors import (
    ClientError,
    ConnectionLost,
    CorruptData,
    FieldError,
    Gone,
    JobFailed,
    NotFound,
    NotYet,
    ProblemError,
)
from afmbatch_client.events import Event
from afmbatch_client.job import Job
from afmbatch_client.rank_batches import RankBatches

__version__ = "0.1.0"
__all__ = [
    "Batch",
    "Client",
    "ClientError",
    "ConnectionLost",
    "CorruptData",
    "Event",
    "FieldError",
    "Gone",
    "Job",
    "JobFailed",
    "NotFound",
    "NotYet",
    "ProblemError",
    "RankBatches",
]
