"""VizTube: a video-sharing backend for one small machine."""

__version__ = "0.1.0"
