"""Cases in Django admin: the queue, and a page on which to decide."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from social.admin.decide import decide_view, state_of
from social.admin.deciding import DecisionForm, Option, options_for
from social.admin.evidence import evidence
from social.models import Case, ModerationAction, TargetType
from social.roles import Actor, role_of, staff
from social.services.moderation import Refused, decide
from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import link_to, shorten
from viztube.desk.filters import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DaysFilter,
    RadioFilter,
)
from viztube.desk.search import Search

REPORTS = 50  # on a page
EARLIER = 10  # decisions and cases on a page


class StateFilter(RadioFilter):  # type: ignore[misc]
    """Open cases, unless others are asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices besides open ones."""
        return [("closed", "Closed"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """Name what is shown without a choice."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "Open"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        """Return the cases in that state."""
        if self.value() == "all":
            return queryset
        return queryset.filter(closed_at__isnull=self.value() != "closed")


@admin.register(Case)
class CaseAdmin(EvidenceAdmin):
    """The queue of what was reported; its page is where to decide."""

    list_display = ("what", "kind", "owner_link", "reports_count", "opened_at", "result")
    list_select_related = ("owner",)
    list_filter = (
        StateFilter,
        ("target_type", ChoicesDropdownFilter),
        ("owner", AutocompleteSelectFilter),
        ("opened_at", DaysFilter),
    )
    search = Search(ids=("id", "target_id"), owner="owner")
    # Of those that are closed; see get_ordering.
    ordering = ("-opened_at", "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        """Return cases with their owners and the number of their reports, by which they go."""
        cases = Case.objects.with_reports_count().select_related("owner")
        return cases.order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> Any:
        """Put what most people reported in front of the queue, and the latest of the others."""
        in_queue = request.GET.get("state") not in {"closed", "all"}
        return ("-reports_count", "opened_at", "id") if in_queue else ("-opened_at", "-id")

    @admin.display(description="What")
    def what(self, case: Case) -> str:
        """Return the beginning of what was reported."""
        return shorten(case.excerpt)

    @admin.display(description="Kind")
    def kind(self, case: Case) -> str:
        """Return what kind of thing it is."""
        return case.get_target_type_display()

    @admin.display(description="Owner")
    def owner_link(self, case: Case) -> str:
        """Return a link to whose it is."""
        return link_to(case.owner)

    @admin.display(description="Reports")
    def reports_count(self, case: Any) -> int:
        """Return how many people reported it."""
        return int(case.reports_count)

    @admin.display(description="Result")
    def result(self, case: Case) -> str:
        """Return how it ended."""
        return case.get_outcome_display() or "open"

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which to decide about anything."""
        view = self.admin_site.admin_view(self.decide_page)
        return [path("decide/", view, name="social_case_decide"), *super().get_urls()]

    def decide_page(self, request: HttpRequest) -> HttpResponse:
        """Decide about what is named in the address, with or without a case."""
        return decide_view(request, self.admin_site)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a case with everything to decide about it, and take the decision."""
        case = self.get_object(request, object_id)
        if not self.has_view_permission(request, case):
            raise PermissionDenied
        if case is None:
            return self._get_obj_does_not_exist_redirect(  # type: ignore[no-any-return]
                request, self.opts, object_id
            )
        actor = staff(request.user)  # type: ignore[arg-type]
        shown = evidence(case)
        form = DecisionForm(request.POST or None, options=_options(case, shown["target"], actor))
        if (
            request.method == "POST"
            and form.is_valid()
            and self._decided(request, case, form, actor)
        ):
            return redirect(request.path)
        return TemplateResponse(
            request,
            "desk/case.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": case,
                "title": f"{case.get_target_type_display()} of {case.owner.username}",
                "case": case,
                "form": form,
                "decision_title": "Decision" if case.is_open else "Undo, or decide again",
                "owner_state": state_of(case.owner),
                "target_state": state_of(shown["target"]),
                **shown,
                **_around(case, request.user.pk),
            },
        )

    def _decided(self, request: HttpRequest, case: Case, form: DecisionForm, actor: Actor) -> bool:
        option = form.chosen
        about_owner = option.target_type == TargetType.CHANNEL
        try:
            done = decide(
                actor=actor,
                decision=option.decision,
                target_type=option.target_type,
                target_id=case.owner_id if about_owner else case.target_id,
                reason=form.cleaned_data["reason"],
                days=form.days_chosen,
                case=case,
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
            return False
        self.message_user(request, f"Done. {done}.", messages.SUCCESS)
        return True


def _options(case: Case, target: Any, actor: Actor) -> list[Option]:
    """Return what can be decided: about the target first, then about its owner."""
    role = role_of(case.owner)
    target_type = TargetType(case.target_type)
    about_target = options_for(
        actor=actor, target_type=target_type, targets=[target], owner=case.owner, role=role
    )
    if not case.is_open:
        about_target = [one for one in about_target if one.decision.needs_target]
    if target_type == TargetType.CHANNEL:
        return about_target
    return about_target + [
        one
        for one in options_for(
            actor=actor,
            target_type=TargetType.CHANNEL,
            targets=[case.owner],
            owner=case.owner,
            role=role,
        )
        # An open case is dismissed for what was reported.
        if one.decision.needs_target
    ]


def _around(case: Case, viewer: UUID | None) -> dict[str, Any]:
    """Return who reported, what was decided before, and what else the owner has done.

    Nobody is shown who reported themselves.
    """
    about_viewer = case.owner_id == viewer
    rows = case.reports.none() if about_viewer else case.reports.select_related("reporter")
    reports = list(rows.order_by("-created_at")[: REPORTS + 1])
    decided = ModerationAction.objects.filter(owner_id=case.owner_id).order_by("-created_at", "-pk")
    others = Case.objects.filter(owner=case.owner_id).exclude(pk=case.pk).with_reports_count()
    return {
        "about_viewer": about_viewer,
        "reports": reports[:REPORTS],
        "has_more_reports": len(reports) > REPORTS,
        "decisions": list(decided[:EARLIER]),
        "other_cases": list(others.order_by("-opened_at")[:EARLIER]),
    }
