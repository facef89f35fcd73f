"""Adaptive streams (HLS, RFC 8216) that this machine makes of a video.

Nothing here knows a database: paths in, files out.
"""
