"""Reports and notices over HTTP: ``/api/v2/reports`` and ``/api/v2/user/notices``."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from social.models import ModerationAction, Report, TargetType
from social.serializers import NoticeSerializer, ReportFormSerializer, ReportSerializer
from social.services.reports import report
from social.services.targets import rows_of
from users.callers import caller
from viztube.api.responses import ok
from viztube.api.throttling import READ, Scope, by_person
from viztube.api.viewsets import ApiViewSet

REPORTS = Scope("report", by_person)


class ReportViewSet(ApiViewSet):
    """What the caller reported."""

    serializer_class = ReportSerializer
    filter_backends = ()
    scopes = {"list": (READ,), "create": (REPORTS,)}

    def get_queryset(self) -> QuerySet[Report]:
        """Return the caller's own."""
        return Report.objects.made_by(caller(self.request))

    @extend_schema(responses={200: ReportSerializer(many=True)})
    def list(self, request: Request) -> Response:
        """List what one has reported and what became of it, the latest first."""
        return self.answer_list(self.get_queryset())

    @extend_schema(request=ReportFormSerializer, responses={201: ReportSerializer})
    def create(self, request: Request) -> Response:
        """Report a video, a comment, a tweet or a channel to the moderators."""
        form = ReportFormSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted: dict[str, Any] = form.validated_data
        target_type = TargetType(wanted["target_type"])
        rows: Any = rows_of(target_type)
        made = report(
            reporter=caller(request),
            targets=rows.visible_to(request.user),
            **{**wanted, "target_type": target_type},
        )
        return ok(ReportSerializer(made).data, "Reported. Moderators will look at it.", status=201)


class NoticeViewSet(ApiViewSet):
    """What moderators decided about the caller and what is theirs."""

    serializer_class = NoticeSerializer
    filter_backends = ()
    scopes = {"list": (READ,)}

    @extend_schema(responses={200: NoticeSerializer(many=True)})
    def list(self, request: Request) -> Response:
        """List what moderators decided about one's account and content, the latest first."""
        return self.answer_list(ModerationAction.objects.notices_for(caller(request)))
