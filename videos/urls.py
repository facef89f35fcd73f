"""Addresses of the videos app, below ``/api/v2/``."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from videos.views import CloudinaryNotificationViewSet, VideoViewSet, WatchHistoryViewSet

router = SimpleRouter(trailing_slash=False)
router.register("videos", VideoViewSet, basename="video")

urlpatterns = [
    *router.urls,
    path(
        "media/cloudinary/notify",
        CloudinaryNotificationViewSet.as_view({"post": "create"}),
        name="cloudinary-notify",
    ),
    path(
        "user/watch-history",
        WatchHistoryViewSet.as_view({"get": "list", "delete": "clear"}),
        name="watch-history",
    ),
    path(
        "user/watch-history/<str:pk>",
        WatchHistoryViewSet.as_view({"delete": "destroy"}),
        name="watch-history-entry",
    ),
]
