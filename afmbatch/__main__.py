"""`python -m afmbatch`."""

from afmbatch.cli import app

app()
