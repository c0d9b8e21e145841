"""A worker: the engine's process is launched first, so that it opens its device while we import Redis and RQ."""

from afmbatch.settings import Settings
from worker.control.engine_process import Engine

_MAKER = "worker.engine.batch_maker:open_maker"


def run(settings: Settings, maker: str = _MAKER) -> None:
    """Work until SIGTERM or SIGINT. `maker`: see worker.engine.main. Raises what worker.control.run.work raises."""
    engine = Engine(settings, maker)
    engine.launch()
    try:
        from worker.control.run import work

        work(settings, engine)
    finally:
        engine.stop()
