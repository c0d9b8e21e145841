"""From a spec to its samples: which samples a job has and every random parameter of each."""
