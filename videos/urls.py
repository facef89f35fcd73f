"""Addresses of the videos app, below ``/api/v2/``."""

from rest_framework.routers import SimpleRouter

from videos.views import VideoViewSet

router = SimpleRouter(trailing_slash=False)
router.register("videos", VideoViewSet, basename="video")

urlpatterns = router.urls
