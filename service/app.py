"""The HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from rq import Queue

from afmbatch import __version__
from afmbatch.ledger.ledger import Ledger
from afmbatch.sampling.recipe import MoreEpochs, MoreMolecules
from afmbatch.settings import Settings
from afmbatch.spec.delivery import Acknowledgement, Rewinding
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore
from service.dispatch import Dispatch
from service.routes import batches, datasets, events, health, jobs, preflight, presets, samples, streams
from service.transport.job_notifier import JobNotifier
from service.transport.problems import Problem, handlers

_DESCRIPTION = """
Post a job spec, get AFM training batches.

1. `POST /v1/datasets` with xyz files makes a dataset.
2. `POST /v1/jobs` with `{"dataset": "ds-…"}` images it; every other field has a default. `GET /v1/presets` has specs of
   published training sets, `POST /v1/preflight` tells what a spec would make, and at what cost.
3. `GET /v1/jobs/{id}` tells how far it is; `GET /v1/jobs/{id}/batches/{n}` downloads a batch, for `numpy.load`.

Lengths are in Å, charges in e, stiffness in N/m, images in Hz. Errors are RFC 9457 problem documents that name the
field, the reason and what would be accepted.
"""
_TAGS = [
    {"name": "datasets", "description": "Structures to make jobs of."},
    {"name": "jobs", "description": "Recipes, turned into batches by the workers."},
    {"name": "batches", "description": "npz files, downloadable as soon as they are made."},
    {"name": "service", "description": "Workers and health."},
]


def create_app(settings: Settings, ledger: Ledger, store: ObjectStore, queue: Queue) -> FastAPI:
    """The application on objects that the caller opened, and closes."""
    app = FastAPIOffline(  # its documentation page is our own: training clusters often can't reach a CDN
        redoc_url=None,
        title="afmbatch",
        version=__version__,
        summary="AFM training batches on demand",
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        exception_handlers=handlers(),
        separate_input_output_schemas=False,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.bell = JobNotifier(settings.redis_url)
    app.state.dispatch = Dispatch(settings, ledger, store, queue)
    for module in (datasets, presets, preflight, jobs, streams, events, batches, samples, health):
        app.include_router(module.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.bell.listening():
        yield


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, and the models that it doesn't see because we read the bodies and write the problems."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            separate_input_output_schemas=False,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (Problem, JobSpec, MoreEpochs, MoreMolecules, Acknowledgement, Rewinding):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
        app.openapi_schema = document
    return app.openapi_schema
