"""People and their sessions in Django admin."""

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from users.models import RefreshSession, SecurityEvent, SecurityEventKind, User
from users.services.audit import record
from users.services.sessions import revoke, revoke_sessions
from viztube.api import shared
from viztube.desk.admin import DeskAdmin, EvidenceAdmin
from viztube.desk.cells import shorten
from viztube.desk.filters import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DaysFilter,
    set_filter,
)
from viztube.desk.search import Search


class LowerCaseNames:
    """Names are stored in lower case."""

    cleaned_data: dict[str, Any]

    def clean_username(self) -> str:
        """Lower the name, as sign-up does."""
        return str(self.cleaned_data["username"]).lower()

    def clean_email(self) -> str:
        """Lower the address, as sign-up does."""
        return str(self.cleaned_data["email"]).lower()


class AccountCreationForm(LowerCaseNames, UserCreationForm):  # type: ignore[misc]
    """A new account."""

    class Meta:
        model = User
        fields = ("username", "email", "fullname")


class AccountChangeForm(LowerCaseNames, UserChangeForm):  # type: ignore[misc]
    """An account that exists."""


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]
    """A password given or taken away by staff; either ends every session."""

    def save(self, commit: bool = True) -> User:
        """Store it; EndSessionsValidator hears of a new password, but not of none."""
        with transaction.atomic():
            user: User = super().save(commit=False)
            # Nothing else: hashing takes a while, in which the person may have been banned.
            if commit:
                user.save(update_fields=["password", "updated_at"])
                shared.forget_everything_on_commit()
            if not user.has_usable_password():
                revoke_sessions(user=user)
                record(SecurityEventKind.PASSWORD_CHANGED, user=user)
        return user


@admin.register(User)
class UserAdmin(DjangoUserAdmin, DeskAdmin):  # type: ignore[type-arg, misc]
    """People. Nobody is deleted here: that would take their videos and history with them.

    How they stand (active, suspended) is decided, not edited. Only superusers change staff or make
    someone staff: otherwise whoever may change people could make themselves superuser.
    """

    form = AccountChangeForm
    add_form = AccountCreationForm
    change_password_form = PasswordForm
    decides = "channel"
    list_display = (
        "username",
        "email",
        "fullname",
        "is_active",
        "suspended_until",
        "is_staff",
        "created_at",
    )
    list_filter = (
        ("is_active", BooleanRadioFilter),
        set_filter("suspended_until", "suspension"),
        ("is_staff", BooleanRadioFilter),
        ("created_at", DaysFilter),
    )
    # Those that come first by this order are named first while a name is being typed.
    ordering = ("-created_at", "-id")
    search_fields = DeskAdmin.search_fields
    search = Search(text=("username", "fullname"), owner="pk")
    powers = ("is_staff", "is_superuser", "groups", "user_permissions")
    standing = ("is_active", "suspended_until", "suspension_reason")
    readonly_fields = (
        *("id", *standing, "avatar", "cover_image"),
        *("last_login", "created_at", "updated_at"),
    )
    fieldsets = (
        (None, {"fields": ("id", "username", "email", "fullname", "password")}),
        ("Pictures", {"fields": ("avatar", "cover_image")}),
        ("Standing", {"fields": standing}),
        ("Staff", {"fields": powers}),
        ("Dates", {"fields": ("created_at", "updated_at", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": (
                    *("username", "email", "fullname"),
                    *("usable_password", "password1", "password2"),
                )
            },
        ),
    )
    actions = ("sign_out_everywhere",)

    def may_see_addresses(self, request: HttpRequest) -> bool:
        """Tell whether this person needs e-mail addresses: not who decides about content."""
        user = request.user
        return user.has_perm("social.decide_people") or user.has_perm("users.change_user")

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave out the address for who does not need it."""
        columns = super().get_list_display(request)
        shown = self.may_see_addresses(request)
        return columns if shown else tuple(name for name in columns if name != "email")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Leave out the address and the hash for who does not need them."""
        sets = super().get_fieldsets(request, obj)
        if obj is None:
            return sets
        hidden = set() if self.may_see_addresses(request) else {"email"}
        if not self.has_change_permission(request, obj):
            hidden.add("password")
        return [
            (
                title,
                {**options, "fields": [name for name in options["fields"] if name not in hidden]},
            )
            for title, options in sets
        ]

    def get_search(self, request: HttpRequest) -> Search:
        """Search addresses too for who may see them."""
        if not self.may_see_addresses(request):
            return self.search
        return replace(self.search, text=(*self.search.text, "email"))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Keep an address from being guessed by filters in the address of the page."""
        if lookup.startswith("email") and not self.may_see_addresses(request):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Show powers and groups without letting them be changed, but to superusers."""
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *self.powers)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep staff from changing accounts and passwords of each other and of superusers."""
        powerful = obj is not None and (obj.is_staff or obj.is_superuser)
        if powerful and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Store an account; who is no longer staff, or newly, signs in again."""
        if change:
            # Nothing else: the person may have been banned since the row was read.
            columns = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields={"updated_at", *columns.intersection(form.changed_data)})
        else:
            super().save_model(request, obj, form, change)
        shared.forget_everything_on_commit()
        # A running session remembers for a minute who is staff.
        if "is_staff" in form.changed_data:
            revoke_sessions(user=obj)

    @admin.action(description="Sign out on every device", permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Revoke every session of the people chosen."""
        count = 0
        # As with their accounts: only superusers act on staff.
        for user in queryset if request.user.is_superuser else queryset.filter(is_staff=False):
            count += revoke_sessions(user=user)
            self.log_change(request, user, "Signed out on every device.")
        self.message_user(request, f"{count} sessions revoked.")


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, DeskAdmin):  # type: ignore[misc]
    """Roles of staff. Only superusers change them: others would give themselves more."""

    ordering = ("name", "id")
    search_fields = DeskAdmin.search_fields
    search = Search(text=("name",))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let superusers."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers."""
        return bool(request.user.is_superuser)


@admin.register(RefreshSession)
class RefreshSessionAdmin(EvidenceAdmin):
    """Devices that are signed in: to look at and to revoke, never to edit."""

    list_display = (
        "device_name",
        "owner",
        "address",
        "created_at",
        "used_at",
        "expires_at",
        "live",
    )
    list_select_related = ("user",)
    list_filter = (("user", AutocompleteSelectFilter), ("created_at", DaysFilter))
    search = Search(owner="user", address="address", ids=("id", "user"))
    times = ("created_at", "used_at", "expires_at", "revoked_at")
    # All but the digest.
    fields = ("id", "user", "device", "address", *times)
    actions = ("revoke",)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Keep the digest from being guessed by filters in the address."""
        return not lookup.startswith("digest") and bool(
            super().lookup_allowed(lookup, value, request)
        )

    @admin.display(description="device")
    def device_name(self, session: RefreshSession) -> str:
        """Return what the device calls itself."""
        return shorten(session.device) or "unknown device"

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

    list_display = ("created_at", "kind", "owner", "address", "device_name")
    list_select_related = ("user",)
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("user", AutocompleteSelectFilter),
        ("created_at", DaysFilter),
    )
    search = Search(owner="user", address="address", ids=("id", "user"))
    fields = ("created_at", "kind", "user", "address", "device")

    @admin.display(description="device")
    def device_name(self, event: SecurityEvent) -> str:
        """Return what the device called itself."""
        return shorten(event.device)
