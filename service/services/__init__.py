"""The services that the routes call, one for each feature."""
