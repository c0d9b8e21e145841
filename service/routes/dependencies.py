"""Each route receives the service that it calls.

The functions are not blocking: FastAPI would call blocking ones in a thread, which takes 0.1 ms each.
"""

from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Request

from service.services.batches import BatchService
from service.services.datasets import DatasetService
from service.services.events import EventService
from service.services.health import HealthService
from service.services.jobs import JobService
from service.services.preflight import PreflightService
from service.services.presets import PresetService
from service.services.samples import SampleService
from service.services.services import Services
from service.services.streams import StreamService
from service.services.tips import TipService
from service.services.uploads import UploadService


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


_Services: TypeAlias = Annotated[Services, Depends(_services)]


async def _batches(services: _Services) -> BatchService:
    return services.batches


async def _datasets(services: _Services) -> DatasetService:
    return services.datasets


async def _events(services: _Services) -> EventService:
    return services.events


async def _health(services: _Services) -> HealthService:
    return services.health


async def _jobs(services: _Services) -> JobService:
    return services.jobs


async def _preflight(services: _Services) -> PreflightService:
    return services.preflight


async def _presets(services: _Services) -> PresetService:
    return services.presets


async def _samples(services: _Services) -> SampleService:
    return services.samples


async def _streams(services: _Services) -> StreamService:
    return services.streams


async def _tips(services: _Services) -> TipService:
    return services.tips


async def _uploads(services: _Services) -> UploadService:
    return services.uploads


Batches: TypeAlias = Annotated[BatchService, Depends(_batches)]
Datasets: TypeAlias = Annotated[DatasetService, Depends(_datasets)]
Events: TypeAlias = Annotated[EventService, Depends(_events)]
Health: TypeAlias = Annotated[HealthService, Depends(_health)]
Jobs: TypeAlias = Annotated[JobService, Depends(_jobs)]
Preflights: TypeAlias = Annotated[PreflightService, Depends(_preflight)]
Presets: TypeAlias = Annotated[PresetService, Depends(_presets)]
Samples: TypeAlias = Annotated[SampleService, Depends(_samples)]
Streams: TypeAlias = Annotated[StreamService, Depends(_streams)]
Tips: TypeAlias = Annotated[TipService, Depends(_tips)]
Uploads: TypeAlias = Annotated[UploadService, Depends(_uploads)]
