"""The command line of the client, on the real service."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afmbatch_client.cli import app
from tests.service.conftest import WATER

from .stand_in import npz_of


@pytest.fixture
def run(real_service):
    """A function that runs a command and returns what it prints."""

    def run(*words, code=0, text=None):
        result = CliRunner().invoke(
            app, [*map(str, words)], input=text, env={"AFMBATCH_URL": str(real_service.http.base_url)}
        )
        assert result.exit_code == code, result.output
        return result.stdout.strip() if code == 0 else result.stderr

    return run


def test_from_structures_to_files(run, real_service, tmp_path):
    (tmp_path / "water.xyz").write_text(WATER)
    dataset = run("upload", tmp_path / "water.xyz")
    (tmp_path / "spec.json").write_text(json.dumps({"dataset": dataset, "samples": 4, "batch_size": 2}))
    job = run("submit", tmp_path / "spec.json")
    assert json.loads(run("status", job))["state"] == "queued"
    for n in range(2):
        real_service.record(job, n, npz_of(n))
    assert [line.split()[:3] for line in run("batches", job).splitlines()] == [
        [str(n), "2", str(len(npz_of(n)))] for n in range(2)
    ]
    run("wait", job)
    run("download", job, tmp_path / "batches")
    assert (tmp_path / "batches" / "batch-00000001.npz").read_bytes() == npz_of(1)


def test_grids_and_tips(run):
    data = Path(__file__).parents[1] / "data" / "fdbm"
    assert run("upload", "--electrons", data / "hcooh_valence_density.cube.xz").startswith("ds-")
    tip = run("upload-tip", "--electrons", data / "CO_tip_density.cube.xz", "--probe", "O")
    assert [entry["id"] for entry in json.loads(run("tips"))] == [tip]
    assert json.loads(run("tips", tip))["probe_atom"] == 1
    run("delete-tip", tip)
    assert json.loads(run("tips")) == []


def test_a_spec_from_standard_input_that_is_refused(run):
    printed = run("submit", "-", text='{"dataset": "ds-0", "sead": 1}', code=1)
    assert "afmbatch-client: " in printed
    assert "sead is 1: unknown field; did you mean 'seed'?" in printed


def test_a_spec_that_is_not_json(run):
    assert "afmbatch-client: Expecting" in run("submit", "-", text="{", code=1)


def test_a_job_is_cancelled(run, real_service):
    job = real_service.job()
    assert json.loads(run("cancel", job))["state"] == "cancelled"
    assert "is cancelled" in run("wait", job, code=1)


def test_an_extension_is_of_one_kind(run, real_service):
    assert "--epochs or --dataset" in run("extend", real_service.job(), code=2)
