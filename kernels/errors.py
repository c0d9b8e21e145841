"""What can go wrong in this room."""


class KernelError(Exception):
    """Base of every error raised by `kernels`."""


class DeviceNotFound(KernelError):
    """No OpenCL device matches the selector."""


class LinkerNotFound(DeviceNotFound):
    """The CPU is there, but nothing to link its kernels with."""


class BuildFailed(KernelError):
    """The device's compiler refused a kernel."""


class InvalidInput(KernelError, ValueError):
    """An array or parameter has the wrong shape, type or range."""


class DeviceLimit(KernelError):
    """The launch needs more than the device has (local memory)."""
