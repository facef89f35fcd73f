"""How a list that answers a plain array is documented."""

from typing import Any

import pytest
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from viztube.api.serializers import Serializer
from viztube.api.viewsets import ApiViewSet

pytestmark = pytest.mark.django_db


class PlaceSerializer(Serializer):
    """A place."""

    long_name = serializers.CharField()


class PlaceViewSet(ApiViewSet):
    """Places."""

    serializer_class = PlaceSerializer
    authentication_classes = ()
    permission_classes = (AllowAny,)
    filter_backends = ()
    extra_error_statuses = {"list": {"409"}}

    def list(self, request: Request) -> Response:
        """List places."""
        raise NotImplementedError


def test_a_plain_list_documents_the_pagination_beside_its_rows() -> None:
    patterns = [path("api/v2/places", PlaceViewSet.as_view({"get": "list"}))]
    generator: Any = SchemaGenerator(patterns=patterns)
    document = generator.get_schema(request=None, public=True)

    operation = document["paths"]["/api/v2/places"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    rows = document["components"]["schemas"]["PlaceInPagePagination"]
    assert schema["properties"]["data"] == {"$ref": "#/components/schemas/PlaceInPagePagination"}
    assert (rows["type"], rows["items"]) == ("array", {"$ref": "#/components/schemas/Place"})
    assert schema["properties"]["pagination"] == {"$ref": "#/components/schemas/Pagination"}
    assert schema["required"] == ["statusCode", "data", "message", "success", "pagination"]
    assert "longName" in document["components"]["schemas"]["Place"]["properties"]
    assert "409" in operation["responses"]
    assert "401" not in operation["responses"]
