"""The engine against the peer, ppafm: same molecules, same recipe, same device."""
