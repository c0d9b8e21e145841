import pytest

from kernels.device.device import Device, open_device


@pytest.fixture(scope="session")
def device() -> Device:
    return open_device()


@pytest.fixture(scope="session")
def scalar_device(device: Device) -> Device:
    """Open the same device with the program that GPUs run: one pixel a work-item, atoms staged in local memory."""
    return Device(device.context.devices[0], lanes=1)
