"""Tests that a descriptor and a noise step from outside this repository work from a job spec to a batch file."""

import subprocess
import sys


def test_a_descriptor_and_a_noise_step_from_outside(tmp_path):
    """They run in a process of their own: members are registered before the job spec is imported."""
    command = [sys.executable, "-m", "tests.system.toy_members", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
