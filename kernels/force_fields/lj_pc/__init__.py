"""Lennard-Jones atoms and a probe particle with point charges."""

from kernels.force_fields.lj_pc.lj_pc import LennardJonesPointCharges

__all__ = ["LennardJonesPointCharges"]
