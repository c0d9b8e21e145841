"""Benchmarks of every stage, and a comparison with the peer, ppafm: same molecules, same recipe, same device."""
