"""Runs the command line as `python -m afmbatch`."""

from afmbatch.cli.app import app

app()
