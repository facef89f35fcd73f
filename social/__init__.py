"""What people do with videos and with each other: likes, comments, subscriptions, playlists."""
