"""Runs the engine: a child process that opens the device and the store, and does not use Redis.

It makes many batches, and ends with its parent: a parent that is killed must not leave behind a process that occupies
the device.
"""

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from threading import Lock
from typing import NoReturn

from afmbatch.errors import AfmbatchError
from afmbatch.settings import Settings
from worker.engine.pipeline import BatchPipelineSteps, Pipeline, describe_error
from worker.messages import EngineFailed, MakeBatches, Message, SkipJob, decode, encode

_PR_SET_PDEATHSIG = 1


def serve(pipe: Connection, factory: str) -> None:
    """Open the device, then make batches and answer for them until the parent closes the pipe.

    factory: "module:function", a function from Settings to BatchPipelineSteps. The process ends after an EngineFailed.
    """
    sending = Lock()

    def send(message: Message) -> None:
        with sending, contextlib.suppress(OSError):  # without a parent this process ends anyway
            pipe.send_bytes(encode(message))

    def fail(error: Exception) -> NoReturn:
        if not isinstance(error, AfmbatchError):  # the text of an AfmbatchError is complete without a traceback
            traceback.print_exception(error)
        send(EngineFailed(describe_error(error)))
        os._exit(1)  # not sys.exit: this may be any thread, and the others are busy with work that is now useless

    try:
        settings = Settings.model_validate_json(pipe.recv_bytes())
        module, _, function = factory.partition(":")
        steps: BatchPipelineSteps = getattr(import_module(module), function)(settings)
        send(steps.describe())
    except Exception as error:  # noqa: BLE001 - the parent decides what to do about any error
        fail(error)
    pipeline = Pipeline(steps, send, fail)
    with contextlib.suppress(EOFError):
        while True:
            match decode(pipe.recv_bytes()):
                case MakeBatches() as make:
                    pipeline.make(make)
                case SkipJob(job_id):
                    pipeline.skip(job_id)


def _die_with(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies: during a C call it would not notice a closed pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the call
        os._exit(1)


def main() -> None:
    """Run `python -m worker.engine.main FACTORY FD PARENT`, as `worker.control.engine_process` starts it."""
    factory, fd, parent = sys.argv[1:]
    _die_with(int(parent))
    # Ctrl-C and a service manager's SIGTERM reach every process of the group; the parent decides what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    faulthandler.enable()
    serve(Connection(int(fd)), factory)


if __name__ == "__main__":
    main()
