"""What people do with videos and with each other, in Django admin: one module a noun."""

from social.admin import comments, likes, playlists, subscriptions, tweets

__all__ = ["comments", "likes", "playlists", "subscriptions", "tweets"]
