"""Runs a worker. It launches the engine first, so that the device is opened while Redis and RQ are imported."""

from afmbatch.settings import Settings
from worker.control.engine_process import ENGINE_FACTORY, EngineProcess


def run(settings: Settings, factory: str = ENGINE_FACTORY) -> None:
    """Work until SIGTERM or SIGINT. Raises the errors of `worker.control.run.work`.

    factory: name of the function that returns the engine's steps, see `worker.engine.main.serve`.
    """
    engine = EngineProcess(settings, factory)
    engine.launch()
    try:
        from worker.control.run import work

        work(settings, engine)
    finally:
        engine.stop()
