"""Operators and load balancers ask for the state of the service and its workers."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from afmbatch.errors import InvalidInput, Unavailable
from afmbatch.ledger.records import WorkerRecord
from service.routes.dependencies import Health
from service.transport.problems import problem_responses

router = APIRouter(tags=["service"])


class Workers(BaseModel):
    """Holds the live workers."""

    workers: list[WorkerRecord] = Field(description="The live workers by name.")


class Alive(BaseModel):
    """Says that the process is alive."""

    status: Literal["ok"] = Field(default="ok", description="Always `ok`.")


class Ready(BaseModel):
    """Says that Redis and the store answer."""

    workers: int = Field(description="Number of live workers.")
    detail: str = Field(description="States whether jobs are being worked on or wait for a worker.")


@router.get("/", include_in_schema=False)
async def redirect_to_docs() -> RedirectResponse:
    """Redirect to the documentation."""
    return RedirectResponse("/docs")


@router.get(
    "/v1/workers",
    operation_id="listWorkers",
    summary="List the live workers",
    responses=problem_responses(InvalidInput, Unavailable),
)
def list_workers(health: Health) -> Workers:
    """List each live worker with its device and the shard it is working on."""
    return Workers(workers=health.workers())


@router.get(
    "/v1/health",
    operation_id="getHealth",
    summary="Check that the process is alive",
    responses=problem_responses(InvalidInput),
)
async def get_health() -> Alive:
    """Answer without asking Redis or the store. If this fails, restart the process."""
    return Alive()


@router.get(
    "/v1/ready",
    operation_id="getReady",
    summary="Check that requests can be served",
    responses=problem_responses(InvalidInput, Unavailable),
)
def get_ready(health: Health) -> Ready:
    """Check that Redis and the store answer, and count the live workers. Without a worker, jobs wait."""
    workers = health.ready()
    return Ready(
        workers=workers,
        detail="Jobs are being worked on." if workers else "There is no worker: jobs are queued and wait for one.",
    )
