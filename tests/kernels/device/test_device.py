import pytest

from kernels.device.device import OCLGRIND, Device, list_devices, open_device
from kernels.errors import BuildFailed, DeviceNotFound


def test_auto_never_takes_the_simulator(device: Device) -> None:
    assert device.info.kind in ("gpu", "cpu")
    assert OCLGRIND not in device.info.platform.casefold()


def test_a_selector_is_text_of_platform_or_name(device: Device) -> None:
    assert open_device(device.info.platform.upper()).info == device.info
    assert open_device("OCLgrind").info.kind == "other"


def test_an_unknown_device_is_refused_with_a_list_of_devices() -> None:
    with pytest.raises(DeviceNotFound, match="Oclgrind") as refused:
        open_device("abacus")
    assert all(info.name in str(refused.value) for info in list_devices())


def test_a_kernel_is_built_once(device: Device) -> None:
    first = device.kernel("vdw_spheres", "descriptors/vdw_spheres.cl")
    assert device.kernel("vdw_spheres", "descriptors/vdw_spheres.cl") is first


def test_the_compilers_message_is_in_the_error(device: Device) -> None:
    with pytest.raises(BuildFailed, match="nowhere"):
        device.build("kernel void broken(global int *out) { *out = nowhere; }")
