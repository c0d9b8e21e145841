"""What the routes share: parameters, pages, and the objects that the application was made with."""

from typing import Annotated, Literal, TypeAlias, cast

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field

from afmbatch.spec.model import MAX_INT
from service.dispatch import Dispatch
from service.transport.formats import Encoding, Form, Kind, Precision
from service.transport.job_notifier import JobNotifier

JobId: TypeAlias = Annotated[
    str, Path(pattern="^job-[0-9a-f]{16}$", description="Id of a job.", examples=["job-1f0c6f5e9a2b3c4d"])
]
DATASET_PATTERN = "^ds-[0-9a-f]+$"
DatasetId: TypeAlias = Annotated[
    str, Path(pattern=DATASET_PATTERN, max_length=100, description="Id of a dataset.", examples=["ds-0"])
]
BatchNumber: TypeAlias = Annotated[int, Path(ge=0, le=MAX_INT, description="Number of a batch in its job, from 0.")]
SampleNumber: TypeAlias = Annotated[int, Path(ge=0, le=MAX_INT, description="Number of a sample of the job, from 0.")]
Start: TypeAlias = Annotated[int, Query(ge=0, le=MAX_INT, description="Where the page starts.")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=1000, description="Most items of the page.")]


Wait: TypeAlias = Annotated[
    int, Query(ge=0, le=60, description="How many seconds the answer may wait for what is still to come.")
]


# Literal: an enum would be a reference in the document, where a refused parameter's schema is looked up.
async def _form(
    form: Annotated[
        Literal["npz", "webdataset"],
        Query(description="`webdataset`: a tar with an `.npy` for each array of a sample, named by its number."),
    ] = "npz",
    dtype: Annotated[Literal["f4", "f2"], Query(description="Of images and descriptors.")] = "f4",
    encoding: Annotated[
        Literal["identity", "zstd"], Query(description="`zstd`: compressed, as the Content-Encoding.")
    ] = "identity",
) -> Form:
    return Form(Kind(form), Precision(dtype), Encoding(encoding))


Asked: TypeAlias = Annotated[Form, Depends(_form)]


class Page(BaseModel):
    """A part of a list."""

    total: int = Field(description="Items in the whole list.")
    start: int = Field(description="Where this page starts.")


# Not blocking: FastAPI would send others to a thread, 0.1 ms each.
async def _dispatch(request: Request) -> Dispatch:
    return cast(Dispatch, request.app.state.dispatch)


async def _bell(request: Request) -> JobNotifier:
    return cast(JobNotifier, request.app.state.bell)


Decisions: TypeAlias = Annotated[Dispatch, Depends(_dispatch)]
Ringing: TypeAlias = Annotated[JobNotifier, Depends(_bell)]
