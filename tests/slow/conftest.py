"""Provides the folder of results to compare with, and prints what was measured when all tests have run."""

import os
from pathlib import Path

import pytest

from tests.kernels.conftest import device  # noqa: F401 - a fixture
from tests.system.conftest import service  # noqa: F401 - a fixture

from .truth_folder import TruthFolder

VARIABLE = "AFMBATCH_TRUTH"
FOLDER = TruthFolder(Path(os.environ.get(VARIABLE) or "/nonexistent"))
MEASURED = pytest.StashKey[dict[str, list[str]]]()


def pytest_generate_tests(metafunc):
    """Run a test of `case` with every case of the folder; without a folder once, to fail."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", FOLDER.cases or ["no case"])


@pytest.fixture(scope="session")
def truth():
    """The folder that the environment names."""
    if not FOLDER.cases:
        reason = f"{VARIABLE} must name a folder with truth/truth_*.npz, the samples and the tip; see CONTRIBUTING.md"
        pytest.fail(f"{reason}. It is {os.environ.get(VARIABLE)!r}.", pytrace=False)
    return FOLDER


@pytest.fixture(scope="session")
def measured(pytestconfig):
    """A function that adds a row to the table of this header; all tables are printed at the end."""
    tables = pytestconfig.stash.setdefault(MEASURED, {})
    return lambda header, row: tables.setdefault(header, []).append(row)


def pytest_terminal_summary(terminalreporter, config):
    """Print the tables."""
    for header, rows in config.stash.get(MEASURED, {}).items():
        terminalreporter.section("measured")
        for line in (header, "|".join(["---"] * (header.count("|") + 1)), *rows):
            terminalreporter.write_line(f"| {line} |")
