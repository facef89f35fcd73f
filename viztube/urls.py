"""Every mount on one screen."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from social.views.watch import watch
from viztube.api.documents import RedocView, SchemaView, SwaggerView
from viztube.desk.palette import find_lists
from viztube.media.paths import SERVED_PATTERN
from viztube.media.views import serve_media
from viztube.ops.health import livez, readyz
from viztube.ops.metrics import metrics
from viztube.ops.views import HealthViewSet, landing

# What is asked for most comes first: each pattern before it is tried.
urlpatterns = [
    path("api/v2/", include("dashboard.urls")),
    path("api/v2/", include("videos.urls")),
    path("api/v2/", include("social.urls")),
    path("api/v2/", include("users.urls")),
    path("api/v2/healthcheck", HealthViewSet.as_view({"get": "list"}), name="healthcheck"),
    path("api/v2/schema", SchemaView.as_view(api_version="2"), name="schema"),
    path("api/v2/docs", SwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/v2/redoc", RedocView.as_view(url_name="schema"), name="redoc"),
    path("", landing, name="landing"),
    path("watch/<str:pk>", watch, name="watch"),
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/search/", admin.site.admin_view(find_lists)),
    path("admin/", admin.site.urls),
]

# With Cloudinary, nginx hands over what it does not find.
if settings.SERVE_MEDIA or settings.CLOUDINARY_ACCOUNT:
    urlpatterns.append(re_path(rf"^media/(?P<path>{SERVED_PATTERN})$", serve_media))
