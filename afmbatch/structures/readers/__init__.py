"""Readers of structure files, one module for each format."""
