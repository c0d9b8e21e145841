"""From a spec to its samples: which samples a job has, and the parameters of each."""
