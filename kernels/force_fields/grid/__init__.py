"""Force fields from grids: energies of a probe particle from a sample's density and potential and those of a tip."""
