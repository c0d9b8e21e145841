"""What a user writes: the models of a job spec."""
