"""Physical constants in the units of the kernels: Å, eV, e."""

COULOMB = 14.399644
"""1 / (4π ε₀), eV·Å/e²: the energy of two elementary charges 1 Å apart."""

EV_PER_A2_IN_N_PER_M = 16.0217662
"""The value of 1 eV/Å² in N/m."""
