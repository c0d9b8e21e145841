"""Checks of what a job asks for before it is accepted."""
