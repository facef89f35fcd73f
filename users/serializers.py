"""Users on the wire."""

import re
from typing import Any, ClassVar

from django.contrib.auth.password_validation import (
    MinimumLengthValidator,
    get_default_password_validators,
    validate_password,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from users.models import RefreshSession, User
from viztube.api.serializers import (
    ChangesSerializer,
    CharField,
    ModelSerializer,
    Serializer,
    TimeField,
)
from viztube.api.serializers import EmailField as StrictEmailField
from viztube.api.shapes import NOT_BLANK
from viztube.media.backends import disk
from viztube.media.fields import PictureField

USERNAME = re.compile(r"[a-z0-9_.-]{3,30}")
TAKEN = "is already taken"


class MediaAddressField(serializers.CharField):
    """The absolute address of a stored file, "" when there is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: str) -> str:
        """Return the address of a path."""
        return disk().url(value)


class UsernameField(CharField):
    """A new username: 3-30 of a-z 0-9 _ . -, stored in lower case."""

    pattern = r"^\s*[A-Za-z0-9_.-]{3,30}\s*$"
    default_error_messages: ClassVar[dict[str, Any]] = {
        "username": "must be 3-30 characters of a-z, 0-9, _ . and -"
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault(
            "validators", [UniqueValidator(queryset=User.objects.all(), message=TAKEN)]
        )
        super().__init__(**kwargs)

    def documented(self) -> dict[str, Any]:
        """Return what OpenAPI says; the length is that without white space around."""
        return {**super().documented(), "maxLength": 30}

    def to_internal_value(self, data: Any) -> str:
        """Return the name in lower case, so that uniqueness is asked of what will be stored."""
        value = super().to_internal_value(data).lower()
        owner = getattr(self.parent, "instance", None)
        # An imported name that its owner keeps may be anything.
        if not USERNAME.fullmatch(value) and not (owner and owner.username == value):
            self.fail("username")
        return value


class EmailField(StrictEmailField):
    """An e-mail address, stored in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 254)
        super().__init__(**kwargs)
        self.validators.append(UniqueValidator(queryset=User.objects.all(), message=TAKEN))

    def to_internal_value(self, data: Any) -> str:
        """Return the address in lower case."""
        return super().to_internal_value(data).lower()


class PasswordField(CharField):
    """A password as it was typed, white space included."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            write_only=True, trim_whitespace=False, max_length=128, style={"input_type": "password"}
        )

    def documented(self) -> dict[str, Any]:
        """Return what a schema can say of the validators that the settings name."""
        lengths = [
            validator.min_length
            for validator in get_default_password_validators()
            if isinstance(validator, MinimumLengthValidator)
        ]
        return {
            "pattern": r"^[^\u0000]*[^\d\u0000][^\u0000]*$",
            "minLength": max(lengths, default=1),
            "description": "Neither a common one nor like the user name, address or full name.",
        }


def check_new_password(password: str, user: User, field: str) -> None:
    """Apply Django's validators; raises ValidationError for the field."""
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise serializers.ValidationError({field: error.messages}) from error


class PersonSerializer(ModelSerializer):
    """Who something belongs to, as shown beside it."""

    avatar = MediaAddressField()

    class Meta:
        model = User
        fields = ("id", "username", "fullname", "avatar")
        read_only_fields = fields


class UserSerializer(ModelSerializer):
    """One's own account."""

    avatar = MediaAddressField()
    cover_image = MediaAddressField()

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "email",
            "fullname",
            "avatar",
            "cover_image",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class RegisterSerializer(Serializer):
    """Sign-up, as JSON or multipart."""

    fullname = CharField(max_length=100)
    username = UsernameField()
    email = EmailField()
    password = PasswordField()
    avatar = PictureField(required=False)
    cover_image = PictureField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the password against the rest, which it must not resemble."""
        person = User(**{name: attrs[name] for name in ("username", "email", "fullname")})
        check_new_password(attrs["password"], person, "password")
        return attrs


class LoginSerializer(Serializer):
    """Credentials: a password and either name."""

    username = CharField(required=False, allow_blank=True, allow_null=True, max_length=1000)
    email = CharField(required=False, allow_blank=True, allow_null=True, max_length=1000)
    password = CharField(
        write_only=True, trim_whitespace=False, max_length=1000, style={"input_type": "password"}
    )

    def alternatives(self) -> list[dict[str, Any]]:
        """Require one of the two names."""
        name = {"type": "string", "pattern": NOT_BLANK}
        return [{"required": [one], "properties": {one: name}} for one in ("username", "email")]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require one of the two names."""
        if not attrs.get("username") and not attrs.get("email"):
            raise serializers.ValidationError({"username": "Send username or email."})
        return attrs


class RefreshSerializer(Serializer):
    """A refresh token in the body, for clients without cookies."""

    refresh_token = CharField(required=False, allow_blank=True, allow_null=True, max_length=4000)


class ChangePasswordSerializer(Serializer):
    """The old password and the new one."""

    old_password = CharField(
        write_only=True, trim_whitespace=False, max_length=1000, style={"input_type": "password"}
    )
    new_password = PasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the new password."""
        check_new_password(attrs["new_password"], self.context["user"], "newPassword")
        return attrs


class UpdateAccountSerializer(ChangesSerializer):
    """Any of full name, username and e-mail address."""

    fullname = CharField(max_length=100, required=False)
    username = UsernameField(required=False)
    email = EmailField(required=False)


class AvatarSerializer(Serializer):
    """A new avatar."""

    avatar = PictureField()


class CoverImageSerializer(Serializer):
    """A new cover."""

    cover_image = PictureField()


class SessionSerializer(ModelSerializer):
    """A device that is signed in; the context names the session of the ``current`` one."""

    last_used_at = TimeField(source="used_at", read_only=True)
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = RefreshSession
        fields = (
            "id",
            "device",
            "address",
            "created_at",
            "last_used_at",
            "expires_at",
            "is_current",
        )
        read_only_fields = fields

    def get_is_current(self, session: RefreshSession) -> bool:
        """Tell whether it is the device that asks."""
        return bool(session.pk == self.context["current"])


class TokensSerializer(Serializer):
    """Documentation of what a refresh answers; the same tokens are in the cookies."""

    access_token = CharField()
    refresh_token = CharField()


class LoginAnswerSerializer(TokensSerializer):
    """Documentation of what a login answers."""

    user = UserSerializer()
