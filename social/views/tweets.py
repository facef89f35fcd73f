"""Tweets over HTTP: ``/api/v2/tweets``."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from social.models import Tweet
from social.querysets import TweetQuerySet
from social.serializers import TweetFormSerializer, TweetSerializer, TweetWithUserSerializer
from social.services import changes
from social.views.parameters import ID, path_id
from users.callers import caller
from users.models import User
from viztube.api.ids import id_or_404
from viztube.api.pagination import LongPagination
from viztube.api.permissions import IsOwner
from viztube.api.responses import ok
from viztube.api.throttling import READ, WRITE
from viztube.api.viewsets import ApiViewSet


class TweetViewSet(ApiViewSet):
    """What people say to everyone."""

    public_actions = frozenset({"list"})
    permission_classes = (IsOwner,)
    serializer_class = TweetWithUserSerializer
    pagination_class = LongPagination
    filter_backends = ()
    scopes = {
        "list": (READ,),
        "create": (WRITE,),
        "partial_update": (WRITE,),
        "destroy": (WRITE,),
    }

    def get_queryset(self) -> TweetQuerySet:
        """Return the tweets that the caller may see."""
        tweets: TweetQuerySet = Tweet.objects.visible_to(self.request.user)
        return tweets

    @extend_schema(
        parameters=[path_id("user_id")], responses={200: TweetWithUserSerializer(many=True)}
    )
    def list(self, request: Request, user_id: str) -> Response:
        """List what somebody says, the latest first."""
        writer = id_or_404(user_id)
        tweets = Tweet.objects.published().filter(user=writer)
        return self.answer_list(
            tweets.with_details(request.user).newest_first(),
            of=User.objects.channels().filter(pk=writer),
        )

    @extend_schema(request=TweetFormSerializer, responses={201: TweetSerializer})
    def create(self, request: Request) -> Response:
        """Say something."""
        form = TweetFormSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        tweet = Tweet.objects.create(user=caller(request), **form.validated_data)
        return ok(TweetSerializer(tweet).data, "Tweet added.", status=201)

    @extend_schema(parameters=[ID], request=TweetFormSerializer, responses={200: TweetSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what one has said."""
        tweet = self.get_object()
        form = TweetFormSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changes.edit(tweet, **form.validated_data)
        return ok(TweetSerializer(tweet).data, "Tweet changed.")

    @extend_schema(parameters=[ID], responses={200: OpenApiTypes.OBJECT})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete what one has said."""
        changes.delete(self.get_object())
        return ok(message="Tweet deleted.")
