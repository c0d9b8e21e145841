"""Molecules and slabs: how they are read, checked, packed and repeated periodically."""
