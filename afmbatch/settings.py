"""The settings of all processes, from the environment (`AFMBATCH_…`) or a `.env` file."""

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from afmbatch.errors import CannotStart

#: Largest number of groups of batches in a worker's memory: in preparation, on the device, copied back or written.
MAX_GROUPS = 4


class Settings(BaseSettings):
    """The settings of all processes. Each program reads them once and passes them on."""

    model_config = SettingsConfigDict(env_prefix="AFMBATCH_", env_file=".env", extra="ignore", frozen=True)

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="URL of the Redis (or Valkey) server that holds the ledger and the queue.",
    )
    store_url: str = Field(
        default_factory=lambda: (Path.cwd() / "afmbatch-data" / "store").as_uri(),
        description="URL of the store of datasets and batches: file:///… or s3://bucket/prefix.",
    )
    host: str = Field(default="127.0.0.1", description="Address on which the HTTP service listens.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port on which the HTTP service listens; 0: any free port."
    )
    public_names: str = Field(
        default="",
        description="Names with a dot under which clients reach the HTTP service, separated by commas. IP addresses, "
        "names without a dot and the name of the machine are accepted in any case.",
    )
    max_connections: int = Field(
        default=2000, gt=0, description="Number of connections at which the HTTP service answers requests with 503."
    )

    max_upload_bytes: int = Field(default=256 << 20, gt=0, description="Largest body of a dataset upload, in bytes.")
    max_unpacked_bytes: int = Field(default=1 << 30, gt=0, description="Largest unpacked size of an upload, in bytes.")
    max_grid_bytes: int = Field(
        default=16 << 30,
        gt=0,
        description="Largest size of all grids in an upload, as float32 on disk, in bytes.",
    )
    max_members: int = Field(default=200_000, gt=0, description="Largest number of files in an upload.")
    max_samples: int = Field(default=10_000_000, gt=0, description="Largest number of samples of a job.")
    max_batch_bytes: int = Field(default=1 << 30, gt=0, description="Largest batch file of a job, in bytes.")

    link_seconds: int = Field(
        default=600,
        ge=0,
        le=7 * 24 * 3600,
        description="Time for which a link to a batch in an s3:// store is valid, in seconds; 0: the service sends the "
        "file itself.",
    )
    accel_prefix: str = Field(
        default="",
        pattern="^(/.+/)?$",
        description="Internal address under which a proxy (nginx, X-Accel-Redirect) serves the store's directory; "
        "empty: the service sends files itself.",
    )

    device: str = Field(default="auto", description="OpenCL device of a worker: 'auto' or a part of the device's name.")
    device_memory_bytes: int = Field(
        default=1 << 30,
        gt=0,
        description="Largest memory of images on a device, in bytes; once a job has grids of potentials or densities, "
        "a quarter of it is for these.",
    )
    host_memory_bytes: int = Field(
        default=8 << 30,
        gt=0,
        description="Host memory that the batches in progress may occupy in a worker, in bytes; a single batch may "
        "occupy a quarter of it.",
    )
    lease_seconds: float = Field(
        default=15.0, gt=0, description="Time after which a worker without a heartbeat loses its shard, in seconds."
    )
    heartbeat_seconds: float = Field(
        default=3.0, gt=0, description="Time between two heartbeats, by which a worker renews its lease, in seconds."
    )
    batch_seconds: float = Field(
        default=300.0, gt=0, description="Longest time that a batch may take in the engine, in seconds."
    )
    handover_seconds: float = Field(
        default=5.0,
        gt=0,
        description="Time that batches may have to wait in a worker while another one has nothing to do, in seconds; "
        "batches that would wait longer are handed back to the queue.",
    )
    stall_seconds: float = Field(
        default=1800.0,
        gt=0,
        description="Time after which a worker that has made no progress with a shard hands it back and adds a warning "
        "to the job, in seconds. It should exceed several times batch_seconds, which ends engines that hang.",
    )
    shard_tries: int = Field(
        default=3, gt=0, description="Number of lost engines or workers after which a batch is recorded as failed."
    )

    @property
    def device_grid_bytes(self) -> int:
        """The memory on a device for the grids of structures, in bytes, once a job has any."""
        return self.device_memory_bytes // 4

    @property
    def group_bytes(self) -> int:
        """The memory that one group of batches, or a single batch, may occupy, in bytes."""
        return self.host_memory_bytes // MAX_GROUPS


def read_settings() -> Settings:
    """Return the settings of this process. Raises CannotStart with the names of invalid variables."""
    try:
        return Settings()
    except ValidationError as error:
        invalid = [f"AFMBATCH_{str(e['loc'][0]).upper()}={e['input']}: {e['msg']}" for e in error.errors()]
        raise CannotStart("; ".join(invalid)) from None
