"""Addresses of the dashboard app, below ``/api/v2/``."""

from rest_framework.routers import SimpleRouter

from dashboard.views import DashboardViewSet

router = SimpleRouter(trailing_slash=False)
router.register("dashboard", DashboardViewSet, basename="dashboard")

urlpatterns = router.urls
