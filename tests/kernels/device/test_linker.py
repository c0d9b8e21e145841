import os
import subprocess

import pytest

from kernels.device.linker import Linker, system_links
from kernels.errors import LinkerNotFound

FILES = ("lib/gcc/x86_64-linux-gnu/12/libgcc.a", "lib/x86_64-linux-gnu/libc.so")


@pytest.fixture
def system(tmp_path):
    """Return the folder of programs and the prefix of libraries of a machine that has all files PoCL needs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ld").touch(mode=0o755)
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    return programs, tmp_path


def test_a_machine_with_a_c_compiler_links(system):
    programs, prefix = system
    assert system_links(str(programs), [prefix])


@pytest.mark.parametrize("missing", ["bin/ld", *FILES])
def test_each_file_is_needed(system, missing):
    programs, prefix = system
    (prefix / missing).unlink()
    assert not system_links(str(programs), [prefix])


@pytest.fixture
def bare(monkeypatch):
    """Pretend that this machine has no C compiler."""
    monkeypatch.setattr("kernels.device.linker.system_links", lambda: False)
    monkeypatch.setenv("PATH", os.environ["PATH"])


def test_the_wheel_links_without_the_libraries(bare, tmp_path, monkeypatch):
    wheel = tmp_path / "a wheel's place" / "ziglang"
    wheel.mkdir(parents=True)
    (wheel / "__init__.py").touch()
    (wheel / "zig").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (wheel / "zig").chmod(0o755)
    monkeypatch.syspath_prepend(wheel.parent)
    linker = Linker()
    done = subprocess.run(
        ["ld", "-shared", "-o", "a b.so", "-L/x", "x.o", "-lgcc", "-lc"], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["ld.lld", "-shared", "-o", "a b.so", "-L/x", "x.o"]
    del linker
    assert subprocess.run(["ld", "--version"], capture_output=True, text=True).stdout.split("\n")[0] != "ld.lld"


def test_without_either_the_error_tells_what_to_install(bare, monkeypatch):
    monkeypatch.setattr("kernels.device.linker.find_spec", lambda name: None)
    with pytest.raises(LinkerNotFound, match=r"gcc.*ziglang"):
        Linker()
