"""Addresses of the social app, below ``/api/v2/``."""

from typing import Any

from django.urls import path

from social.models import Comment, Tweet
from social.views.channels import ChannelViewSet
from social.views.comments import CommentViewSet
from social.views.likes import LikedVideosViewSet, LikeViewSet
from social.views.playlists import PlaylistViewSet
from social.views.reports import NoticeViewSet, ReportViewSet
from social.views.subscriptions import SubscriptionViewSet
from social.views.tweets import TweetViewSet
from videos.models import Video

Actions = dict[str, Any]

TOGGLE: Actions = {"post": "toggle"}
SET: Actions = {"put": "update", "delete": "destroy"}
CHANGE: Actions = {"patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    # Names that came from the service before this one may have slashes.
    path("user/c/<path:username>", ChannelViewSet.as_view({"get": "retrieve"})),
    path("comments/c/<str:pk>", CommentViewSet.as_view(CHANGE)),
    path("comments/<str:video_id>", CommentViewSet.as_view({"get": "list", "post": "create"})),
    path("likes/videos", LikedVideosViewSet.as_view({"get": "list"})),
]
for letter, model in (("v", Video), ("c", Comment), ("t", Tweet)):
    urlpatterns += [
        path(f"likes/toggle/{letter}/<str:pk>", LikeViewSet.as_view(TOGGLE, target=model)),
        path(f"likes/{letter}/<str:pk>", LikeViewSet.as_view(SET, target=model)),
    ]
urlpatterns += [
    path("subscriptions/c/<str:pk>", SubscriptionViewSet.as_view({"get": "list", **TOGGLE, **SET})),
    path("subscriptions/u/<str:pk>", SubscriptionViewSet.as_view({"get": "list_channels"})),
    path("playlist", PlaylistViewSet.as_view({"post": "create"})),
    path("playlist/user/<str:user_id>", PlaylistViewSet.as_view({"get": "list"})),
    path("playlist/<str:pk>", PlaylistViewSet.as_view({"get": "retrieve", **CHANGE})),
    path("playlist/<str:pk>/order", PlaylistViewSet.as_view({"patch": "reorder"})),
    path(
        "playlist/<str:pk>/<str:video_id>",
        PlaylistViewSet.as_view({"post": "add_video", "delete": "remove_video"}),
    ),
    path("reports", ReportViewSet.as_view({"get": "list", "post": "create"})),
    path("user/notices", NoticeViewSet.as_view({"get": "list"})),
    path("tweets", TweetViewSet.as_view({"post": "create"})),
    path("tweets/user/<str:user_id>", TweetViewSet.as_view({"get": "list"})),
    path("tweets/<str:pk>", TweetViewSet.as_view(CHANGE)),
]
