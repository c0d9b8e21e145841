"""An application constructs the service of each feature once."""

from dataclasses import dataclass
from typing import Self

from rq import Queue

from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore
from service.services.batches import BatchService
from service.services.datasets import DatasetService
from service.services.events import EventService
from service.services.health import HealthService
from service.services.job_factory import JobFactory
from service.services.job_notifier import JobNotifier
from service.services.jobs import JobService
from service.services.preflight import PreflightService
from service.services.presets import PresetService
from service.services.samples import SampleService
from service.services.streams import StreamService
from service.services.tips import TipService
from service.services.uploads import UploadService


@dataclass(frozen=True, slots=True)
class Services:
    """Holds the service of each feature."""

    batches: BatchService
    datasets: DatasetService
    events: EventService
    health: HealthService
    jobs: JobService
    preflight: PreflightService
    presets: PresetService
    samples: SampleService
    streams: StreamService
    tips: TipService
    uploads: UploadService

    @classmethod
    def on(cls, settings: Settings, ledger: Ledger, store: ObjectStore, queue: Queue, notifier: JobNotifier) -> Self:
        """Return the services on these connections."""
        scheduler = ShardScheduler(queue, ledger)
        factory = JobFactory(ledger, queue, scheduler)
        jobs = JobService(ledger, store, queue, scheduler, factory, settings)
        return cls(
            batches=BatchService(ledger, notifier),
            datasets=DatasetService(ledger, store, settings),
            events=EventService(ledger, notifier),
            health=HealthService(ledger, store),
            jobs=jobs,
            preflight=PreflightService(ledger, factory, settings),
            presets=PresetService(),
            samples=SampleService(ledger, factory, jobs, notifier),
            streams=StreamService(ledger, store, queue, scheduler),
            tips=TipService(ledger, store),
            uploads=UploadService(ledger, store),
        )
