"""Frequency-shift images are made of the forces on a probe particle that is relaxed under the tip."""
