"""The errors that `kernels` raises."""


class KernelError(Exception):
    """Base class of every error raised by `kernels`."""


class DeviceNotFound(KernelError):
    """No OpenCL device matches the selector."""


class LinkerNotFound(DeviceNotFound):
    """The CPU is an OpenCL device, but this machine has no linker for its kernels."""


class BuildFailed(KernelError):
    """The device's compiler rejected a program."""


class InvalidInput(KernelError, ValueError):
    """An array or a parameter has the wrong shape, type or range."""


class DeviceLimit(KernelError):
    """The batch needs more memory than the device has, or than the caller allows on it."""
