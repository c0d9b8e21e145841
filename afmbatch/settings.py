"""Settings of every process, from the environment (`AFMBATCH_…`) or a `.env` file."""

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from afmbatch.errors import CannotStart

GROUPS = 4  # a worker has so many groups of batches in memory at most, prepared, computed, downloaded or written


class Settings(BaseSettings):
    """What an operator may set. Handed down from `main`; never read anywhere else."""

    model_config = SettingsConfigDict(env_prefix="AFMBATCH_", env_file=".env", extra="ignore", frozen=True)

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0", description="Redis (or Valkey) of the ledger and the queue."
    )
    store_url: str = Field(
        default_factory=lambda: (Path.cwd() / "afmbatch-data" / "store").as_uri(),
        description="Where datasets and batches are kept: file:///… or s3://bucket/prefix.",
    )
    host: str = Field(default="127.0.0.1", description="Address the HTTP service listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the HTTP service listens on.")

    max_upload_bytes: int = Field(default=256 << 20, gt=0, description="Largest body of a dataset upload, bytes.")
    max_unpacked_bytes: int = Field(default=1 << 30, gt=0, description="Largest unpacked size of an upload, bytes.")
    max_members: int = Field(default=200_000, gt=0, description="Most files in an uploaded archive.")
    max_samples: int = Field(default=10_000_000, gt=0, description="Most samples of one job.")
    max_batch_bytes: int = Field(default=1 << 30, gt=0, description="Largest batch file a job may ask for, bytes.")

    link_seconds: int = Field(
        default=600,
        ge=0,
        le=7 * 24 * 3600,
        description="How long a link to a batch in an s3:// store holds, s; 0: no links, the service sends it itself.",
    )
    accel_prefix: str = Field(
        default="",
        pattern="^(/.+/)?$",
        description="Under which internal address a proxy (nginx, X-Accel-Redirect) has the store's directory; "
        "empty: there is no proxy that sends files.",
    )

    device: str = Field(default="auto", description="OpenCL device of a worker: 'auto' or a part of its name.")
    device_memory_bytes: int = Field(default=512 << 20, gt=0, description="Most memory of images on a device, bytes.")
    host_memory_bytes: int = Field(
        default=8 << 30,
        gt=0,
        description="Most memory of images in a worker, bytes; a batch may have a quarter.",
    )
    lease_seconds: float = Field(default=15.0, gt=0, description="How long a silent worker keeps its shard, s.")
    heartbeat_seconds: float = Field(default=3.0, gt=0, description="How often a worker renews its lease, s.")
    batch_seconds: float = Field(default=300.0, gt=0, description="Longest time one batch may take in the engine, s.")
    shard_tries: int = Field(default=3, gt=0, description="How often a shard is tried before it counts as failed.")

    @property
    def group_bytes(self) -> int:
        """Most bytes of batches that are made pipe, and of a single one."""
        return self.host_memory_bytes // GROUPS


def read_settings() -> Settings:
    """The settings of this process. Raises CannotStart, naming the variables that make no sense."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"AFMBATCH_{str(e['loc'][0]).upper()}={e['input']}: {e['msg']}" for e in error.errors()]
        raise CannotStart("; ".join(faults)) from None
