"""Measures every stage, and compares the kernels with the peer, ppafm: same molecules, same recipe, same device."""
