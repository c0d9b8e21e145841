"""Several routes share these parameters, bodies and pages."""

from typing import Annotated, TypeAlias

from fastapi import Body, Path, Query
from pydantic import BaseModel, Field

from afmbatch.spec.job import JobSpec
from afmbatch.spec.model import MAX_INT
from service.routes.examples import JOBS
from service.transport.bodies import strict_json

JobId: TypeAlias = Annotated[
    str, Path(pattern="^job-[0-9a-f]{16}$", description="Id of a job.", examples=["job-1f0c6f5e9a2b3c4d"])
]
DATASET_PATTERN = "^ds-[0-9a-f]+$"
DatasetId: TypeAlias = Annotated[
    str, Path(pattern=DATASET_PATTERN, max_length=100, description="Id of a dataset.", examples=["ds-0"])
]
TipId: TypeAlias = Annotated[
    str, Path(pattern="^tip-[0-9a-f]+$", max_length=100, description="Id of a tip.", examples=["tip-0"])
]
UPLOAD_PATTERN = "^upload-[0-9a-f]{16}$"
UploadId: TypeAlias = Annotated[
    str, Path(pattern=UPLOAD_PATTERN, description="Id of an upload.", examples=["upload-1f0c6f5e9a2b3c4d"])
]
UploadIds: TypeAlias = Annotated[
    list[Annotated[str, Field(pattern=UPLOAD_PATTERN)]], Field(min_length=1, max_length=50)
]
BatchNumber: TypeAlias = Annotated[
    int, Path(ge=0, le=MAX_INT, description="Number of the batch in its job, counted from 0.")
]
SampleNumber: TypeAlias = Annotated[
    int, Path(ge=0, le=MAX_INT, description="Number of the sample in its job, counted from 0.")
]
Start: TypeAlias = Annotated[
    int, Query(ge=0, le=MAX_INT, description="Position of the first item of the page, from 0.")
]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=1000, description="Maximum number of items on the page.")]
WaitSeconds: TypeAlias = Annotated[
    int,
    Query(
        ge=0,
        le=60,
        alias="wait",
        description="Seconds that the answer may wait for the file to be made; 0 answers at once.",
    ),
]
JobSpecBody: TypeAlias = Annotated[JobSpec, strict_json(JobSpec), Body(openapi_examples=JOBS)]


class Page(BaseModel):
    """Holds a part of a list."""

    total: int = Field(description="Number of items in the whole list.")
    start: int = Field(description="Position of the first item of this page, from 0.")
