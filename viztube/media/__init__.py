"""Where files live: the media interface and its backends, upload checks, Range responses."""
