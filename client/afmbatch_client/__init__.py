"""Feeds AFM training batches from an afmbatch service to whoever trains on them."""

from afmbatch_client.batch import Batch
from afmbatch_client.client import Client
from afmbatch_client.errors import (
    ClientError,
    ConnectionLost,
    Damaged,
    FieldError,
    Gone,
    JobFailed,
    NotFound,
    NotYet,
    ProblemError,
)
from afmbatch_client.events import Event
from afmbatch_client.job import Job
from afmbatch_client.loader import Shares

__version__ = "0.1.0"
__all__ = [
    "Batch",
    "Client",
    "ClientError",
    "ConnectionLost",
    "Damaged",
    "Event",
    "FieldError",
    "Gone",
    "Job",
    "JobFailed",
    "NotFound",
    "NotYet",
    "ProblemError",
    "Shares",
]
