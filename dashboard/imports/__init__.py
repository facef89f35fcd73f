"""Moving the database of the service before this one into ours."""
