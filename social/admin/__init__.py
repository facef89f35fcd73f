"""The social app in Django admin, one module a noun."""

from social.admin import cases, comments, likes, playlists, reports, subscriptions, tweets

__all__ = ["cases", "comments", "likes", "playlists", "reports", "subscriptions", "tweets"]
