"""A worker: the engine's process is launched first, so that it opens its device while we import Redis and RQ."""

from service.contract.settings import Settings
from worker.supervisor import Engine

_MAKER = "worker.maker:open_maker"


def run(settings: Settings, maker: str = _MAKER) -> None:
    """Work until SIGTERM or SIGINT. `maker`: see worker.engine. Raises what worker.parent.work raises."""
    engine = Engine(settings, maker)
    engine.launch()
    try:
        from worker.parent import work

        work(settings, engine)
    finally:
        engine.stop()
