"""The programs run from a checkout on PYTHONPATH, where no distribution of afmbatch or of its client is installed."""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment that has the dependencies, but not afmbatch and its client."""
    directory = tmp_path_factory.mktemp("environment")
    venv.create(directory, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(directory), "platbase": str(directory)}))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "afmbatch" not in entry.name:
            (packages / entry.name).symlink_to(entry)
    return str(directory / "bin" / "python")


def run(python, *arguments, cwd=ROOT):
    return subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_nothing_is_installed(python):
    found = run(python, "-c", "import importlib.metadata as m; print([d.name for d in m.distributions()])").stdout
    assert "fastapi" in found
    assert "afmbatch" not in found


def test_the_demo(python, tmp_path):
    """It starts Redis, `serve` and `worker`, and uses the client."""
    demo = run(python, "-m", "afmbatch", "demo", "--samples", "2", cwd=tmp_path)
    assert demo.returncode == 0, demo.stderr
    assert [path.name for path in sorted((tmp_path / "demo-output").iterdir())] == [
        "batch-00000000.npz",
        "contact-sheet.png",
        "server.log",
    ]


def test_the_demo_without_the_client(python, tmp_path):
    demo = subprocess.run(
        [python, "-m", "afmbatch", "demo"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert demo.returncode == 1
    assert demo.stderr == (
        "afmbatch: the demo needs the package afmbatch_client: pip install ./client, or add client/ to PYTHONPATH\n"
    )


@pytest.mark.parametrize("benchmark", ["client", "downloads", "planning", "service", "streaming", "worker"])
def test_benchmarks_are_importable(python, benchmark):
    assert run(python, "-c", f"import benchmarks.{benchmark}").stderr == ""
