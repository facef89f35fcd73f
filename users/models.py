"""Tables of people and their sessions."""

from typing import ClassVar

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower, Upper
from django.utils import timezone

from users.querysets import RefreshSessionQuerySet, UserManager
from viztube.api.ids import uuid7


class User(AbstractBaseUser, PermissionsMixin):
    """A person with a channel. Imported names may be anything the old service let in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField()
    email = models.EmailField()
    fullname = models.CharField(max_length=100)
    # A path below the media root, or the absolute address of an imported picture.
    avatar = models.CharField(blank=True, default="")
    cover_image = models.CharField(blank=True, default="")
    is_staff = models.BooleanField(default=False, help_text="May sign in to this admin site.")
    is_active = models.BooleanField(
        default=True, help_text="An inactive person cannot sign in, and their content is hidden."
    )
    suspended_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then: no sign-in, and their content is hidden."
    )
    suspension_reason = models.CharField(
        max_length=500,
        blank=True,
        default="",
        # For the version before this column, which goes on while a deployment takes over.
        db_default="",
        help_text="Told to the person who tries to sign in while suspended or banned.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email", "fullname"]

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["username"],
                name="users_user_username_unique",
                violation_error_message="is already taken",
            ),
            models.UniqueConstraint(
                fields=["email"],
                name="users_user_email_unique",
                violation_error_message="is already taken",
            ),
            models.CheckConstraint(
                condition=models.Q(username=Lower("username")) & ~models.Q(username=""),
                name="users_user_username_lower",
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")) & ~models.Q(email=""),
                name="users_user_email_lower",
            ),
        ]
        # The lists of staff, the newest first: all, and the few that they look for.
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at", "id"], name="users_user_all"),
            *(
                models.Index(
                    fields=["created_at", "id"], name=f"users_user_{name}", condition=condition
                )
                for name, condition in {
                    "inactive": models.Q(is_active=False),
                    "suspended": models.Q(suspended_until__isnull=False),
                    "staff": models.Q(is_staff=True),
                }.items()
            ),
            # icontains compares in upper case.
            *(
                GinIndex(OpClass(Upper(name), name="gin_trgm_ops"), name=f"users_user_{name}_trgm")
                for name in ("username", "fullname", "email")
            ),
        ]

    def __str__(self) -> str:
        return self.username

    def check_password(self, raw_password: str | None) -> bool:
        """Tell whether a password is right, and renew its hash when the parameters have changed.

        Django's own stores the renewed hash whatever has happened since the row was read, which
        would undo a change of the password in between.
        """

        def renew(raw: str) -> None:
            renewed = make_password(raw)
            unchanged = User.objects.filter(pk=self.pk, password=self.password)
            if unchanged.update(password=renewed):
                self.password = renewed

        return check_password(raw_password, self.password, renew)

    @property
    def is_suspended(self) -> bool:
        """Tell whether a suspension is running."""
        return self.suspended_until is not None and self.suspended_until > timezone.now()

    @property
    def is_closed(self) -> bool:
        """Tell whether the account is inactive without a ban, of which its owner would be told."""
        return not self.is_active and not self.suspension_reason

    @property
    def may_sign_in(self) -> bool:
        """Tell whether sessions of this person count."""
        return self.is_active and not self.is_suspended


class RefreshSession(models.Model):
    """One device that is signed in. Its id is the ``sid`` of its tokens.

    Only a digest of the current refresh token's id is kept: whoever reads this table cannot make a
    token from it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    digest = models.CharField(max_length=64)
    device = models.CharField(max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = RefreshSessionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(digest__regex=r"^[0-9a-f]{64}$"),
                name="users_refreshsession_digest_sha256",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")),
                name="users_refreshsession_expires_later",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at", "id"], name="users_refreshsession_all"),
            # Who else came from there.
            models.Index(fields=["address", "created_at"], name="users_refreshsession_address"),
        ]

    def __str__(self) -> str:
        return f"{self.device or 'unknown device'} ({self.created_at:%Y-%m-%d})"

    @property
    def is_live(self) -> bool:
        """Tell whether this session can still be refreshed."""
        return self.revoked_at is None and self.expires_at > timezone.now()


class SecurityEventKind(models.TextChoices):
    """What the audit trail tells."""

    SIGN_IN = "sign_in", "signed in"
    SIGN_IN_FAILED = "sign_in_failed", "sign-in failed"
    ADMIN_SIGN_IN = "admin_sign_in", "signed in to admin"
    ADMIN_SIGN_IN_FAILED = "admin_sign_in_failed", "sign-in to admin failed"
    TOKEN_REUSED = "token_reused", "used refresh token came again"
    PASSWORD_CHANGED = "password_changed", "password changed"
    PASSWORD_WRONG = "password_wrong", "wrong password at a change"


class SecurityEvent(models.Model):
    """One line of the audit trail: who came in, who tried, what changed, from where."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(choices=SecurityEventKind)
    # None when somebody tried a name that no account has.
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="security_events"
    )
    device = models.CharField(max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(kind__in=SecurityEventKind.values),
                name="users_securityevent_kind_known",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at", "id"], name="users_securityevent_all"),
            models.Index(fields=["kind", "created_at", "id"], name="users_securityevent_of_kind"),
            models.Index(fields=["address", "created_at"], name="users_securityevent_address"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.created_at:%Y-%m-%d %H:%M})"
