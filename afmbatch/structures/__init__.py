"""Molecules and slabs: reading, checking and packing them."""
