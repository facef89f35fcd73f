"""People and their sessions in Django admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from users.models import RefreshSession, SecurityEvent, SecurityEventKind, User
from users.services.audit import record
from users.services.sessions import revoke, revoke_sessions


class LowerCaseNames:
    """Names are stored in lower case."""

    cleaned_data: dict[str, Any]

    def clean_username(self) -> str:
        """Lower the name, as sign-up does."""
        return str(self.cleaned_data["username"]).lower()

    def clean_email(self) -> str:
        """Lower the address, as sign-up does."""
        return str(self.cleaned_data["email"]).lower()


class AccountCreationForm(LowerCaseNames, AdminUserCreationForm):  # type: ignore[type-arg]
    """A new account."""

    class Meta:
        model = User
        fields = ("username", "email", "fullname")


class AccountChangeForm(LowerCaseNames, UserChangeForm):  # type: ignore[type-arg]
    """An account that exists."""


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """A password given or taken away by staff; either ends every session."""

    def save(self, commit: bool = True) -> User:
        """Store it; EndSessionsValidator hears of a new password, but not of none."""
        with transaction.atomic():
            user: User = super().save(commit)
            if not user.has_usable_password():
                revoke_sessions(user=user)
                record(SecurityEventKind.PASSWORD_CHANGED, user=user)
        return user


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """People. Nobody is deleted here: that would take their videos and history with them.

    Only superusers change staff or make someone staff: otherwise whoever may suspend people could
    make themselves superuser.
    """

    form = AccountChangeForm
    add_form = AccountCreationForm
    change_password_form = PasswordForm
    list_display = ("username", "email", "fullname", "is_active", "suspended_until", "created_at")
    list_filter = ("is_active", "is_staff", "suspended_until")
    search_fields = ("username", "email", "fullname")
    ordering = ("-created_at",)
    show_full_result_count = False
    readonly_fields = ("id", "avatar", "cover_image", "last_login", "created_at", "updated_at")
    powers = ("is_staff", "is_superuser", "groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("id", "username", "email", "fullname", "password")}),
        ("Pictures", {"fields": ("avatar", "cover_image")}),
        ("Standing", {"fields": ("is_active", "suspended_until", "suspension_reason")}),
        ("Staff", {"fields": powers}),
        ("Dates", {"fields": ("created_at", "updated_at", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": (
                    "username",
                    "email",
                    "fullname",
                    "usable_password",
                    "password1",
                    "password2",
                )
            },
        ),
    )
    actions = ("sign_out_everywhere",)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Show powers and groups without letting them be changed, but to superusers."""
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *self.powers)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep staff from changing each other's accounts and passwords."""
        if obj is not None and obj.is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Store an account; who is suspended or made inactive is signed out for good."""
        super().save_model(request, obj, form, change)
        # A running session remembers for a minute who is staff.
        if not obj.may_sign_in or "is_staff" in form.changed_data:
            revoke_sessions(user=obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse: an account is made inactive instead."""
        return False

    @admin.action(description="Sign out on every device", permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Revoke every session of the people chosen."""
        count = 0
        # As with their accounts: only superusers act on staff.
        for user in queryset if request.user.is_superuser else queryset.filter(is_staff=False):
            count += revoke_sessions(user=user)
            self.log_change(request, user, "Signed out on every device.")
        self.message_user(request, f"{count} sessions revoked.")


class EvidenceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What staff may look at and nobody may edit."""

    list_select_related = ("user",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: it writes itself."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: it is evidence."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: it is evidence."""
        return False


@admin.register(RefreshSession)
class RefreshSessionAdmin(EvidenceAdmin):
    """Devices that are signed in: to look at and to revoke, never to edit."""

    list_display = ("user", "device", "address", "used_at", "expires_at", "live")
    list_filter = ("used_at", "revoked_at")
    search_fields = ("user__username", "user__email", "address", "device")
    ordering = ("-used_at",)
    exclude = ("digest",)
    actions = ("revoke",)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Keep the digest from being guessed by filters in the address."""
        return not lookup.startswith("digest") and super().lookup_allowed(lookup, value, request)

    @admin.display(boolean=True, description="live")
    def live(self, session: RefreshSession) -> bool:
        """Tell whether the session still counts."""
        return session.is_live

    @admin.action(description="Revoke the chosen sessions", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[RefreshSession]) -> None:
        """Revoke sessions; their tokens stop at once."""
        if not request.user.is_superuser:
            queryset = queryset.filter(user__is_staff=False)
        for session in queryset:
            self.log_change(request, session, "Revoked.")
        count = revoke(queryset)
        self.message_user(request, f"{count} sessions revoked.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Let those revoke who were given the change permission, although nothing is editable."""
        return bool(request.user.has_perm("users.change_refreshsession"))


@admin.register(SecurityEvent)
class SecurityEventAdmin(EvidenceAdmin):
    """The audit trail: sign-ins, failures, reuse of tokens, new passwords."""

    list_display = ("created_at", "kind", "user", "address", "device")
    list_filter = ("kind", "created_at")
    search_fields = ("user__username", "user__email", "address", "device")
    # Ids grow with time, so the newest come first by the primary key.
    ordering = ("-id",)
