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
from typing import Protocol

from service.contract.errors import AfmbatchError, SampleError
from service.contract.settings import Settings
from service.contract.spec import JobSpec
from worker.messages import Answer, Fault, Made, Make, Ready, Refused, decode, encode

_PR_SET_PDEATHSIG = 1


class Maker(Protocol):
    """Makes batches on a device; `worker.maker` has the real one."""

    def describe(self) -> Ready:
        """The device."""

    def make(self, job_id: str, spec: JobSpec, batch: int) -> Made:
        """Make a batch and put it in the store.

        Raises an AfmbatchError or FileNotFoundError for what can't be made, anything else for what may be tried again.
        """


def serve(pipe: Connection, factory: str) -> None:
    """Open the device, then answer one Make after the other until the parent closes the pipe.

    `factory` is "module:function", a function from Settings to a Maker. Ends the process after a Fault.
    """
    try:
        settings = Settings.model_validate_json(pipe.recv_bytes())
        module, _, function = factory.partition(":")
        maker: Maker = getattr(import_module(module), function)(settings)
        pipe.send_bytes(encode(maker.describe()))
        while (make := _next(pipe)) is not None:
            pipe.send_bytes(encode(_answer(maker, make)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent decides about it
        if not isinstance(error, AfmbatchError):  # ours say all there is to say
            traceback.print_exc()
        with contextlib.suppress(OSError):
            pipe.send_bytes(encode(Fault(_told(error))))
        sys.exit(1)


def _next(pipe: Connection) -> Make | None:
    try:
        message = decode(pipe.recv_bytes())
    except EOFError:
        return None
    assert isinstance(message, Make)  # noqa: S101 - the parent says nothing else
    return message


def _answer(maker: Maker, make: Make) -> Answer:
    try:
        return maker.make(make.job_id, JobSpec.model_validate_json(make.spec), make.batch)
    except SampleError as error:
        return Refused(make.batch, error.sample, error.reason)
    except (AfmbatchError, FileNotFoundError) as error:
        return Refused(make.batch, None, _told(error))


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, AfmbatchError) else f"{type(error).__name__}: {error}"


def _die_with(parent: int) -> None:
    """Have the kernel kill us with the parent: a pipe's end is not noticed in the middle of a C call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask
        os._exit(1)


def main() -> None:
    """`python -m worker.engine FACTORY FD PARENT`, started by worker.supervisor."""
    factory, fd, parent = sys.argv[1:]
    _die_with(int(parent))
    # Ctrl-C and a service manager's SIGTERM reach every process of the group; the parent decides what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    faulthandler.enable()
    serve(Connection(int(fd)), factory)


if __name__ == "__main__":
    main()
