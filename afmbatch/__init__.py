"""The shared core of the service and its workers, and the programs that start them."""

__version__ = "0.1.0"
