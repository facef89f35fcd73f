"""Addresses of the users app, below ``/api/v2/``."""

from rest_framework.routers import SimpleRouter

from users.views import UserViewSet

router = SimpleRouter(trailing_slash=False)
router.register("user", UserViewSet, basename="user")

urlpatterns = router.urls
