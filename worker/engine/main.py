"""The engine: a child process that holds the device and the store, and knows nothing of Redis.

It lives for many batches and ends with its parent, whatever happens to that: a parent that is killed must not leave a
process behind that keeps the device.
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
from worker.engine.pipeline import Maker, Pipeline, told
from worker.messages import EngineFailed, Make, Message, Skip, decode, encode

_PR_SET_PDEATHSIG = 1


def serve(pipe: Connection, factory: str) -> None:
    """Open the device, then take Makes and answer them until the parent closes the pipe.

    `factory` is "module:function", a function from Settings to a Maker. Ends the process after a EngineFailed.
    """
    said = Lock()

    def say(message: Message) -> None:
        with said, contextlib.suppress(OSError):  # without a parent we end anyway
            pipe.send_bytes(encode(message))

    def give_up(error: Exception) -> NoReturn:
        if not isinstance(error, AfmbatchError):  # ours say all there is to say
            traceback.print_exception(error)
        say(EngineFailed(told(error)))
        os._exit(1)  # not sys.exit: we may be in any thread, and others in the middle of what is of no use any more

    try:
        settings = Settings.model_validate_json(pipe.recv_bytes())
        module, _, function = factory.partition(":")
        maker: Maker = getattr(import_module(module), function)(settings)
        say(maker.describe())
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent decides about it
        give_up(error)
    pipeline = Pipeline(maker, say, give_up)
    with contextlib.suppress(EOFError):
        while True:
            match decode(pipe.recv_bytes()):
                case Make() as make:
                    pipeline.make(make)
                case Skip(job_id):
                    pipeline.skip(job_id)


def _die_with(parent: int) -> None:
    """Have the kernel kill us with the parent: a pipe's end is not noticed in the middle of a C call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask
        os._exit(1)


def main() -> None:
    """`python -m worker.engine.main FACTORY FD PARENT`, started by worker.control.engine_process."""
    factory, fd, parent = sys.argv[1:]
    _die_with(int(parent))
    # Ctrl-C and a service manager's SIGTERM reach every process of the group; the parent decides what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    faulthandler.enable()
    serve(Connection(int(fd)), factory)


if __name__ == "__main__":
    main()
