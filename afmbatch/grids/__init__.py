"""Volumetric data: electron densities and electrostatic potentials on periodic grids, read, checked and prepared."""
