"""The models of a job spec: everything a user can write in one."""
