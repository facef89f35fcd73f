"""The page on which to decide about things chosen from lists, with or without a case."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from social.admin.deciding import DecisionForm, Option
from social.decisions import decisions_about, permission_about
from social.models import Case, TargetType
from social.roles import Actor, staff
from social.services.moderation import Refused, decide
from social.services.targets import MODELS, describe, rows_of
from videos.models import Video

MOST = 50  # things at a time


def decide_view(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show what is named in the address and a form, and apply the decision to each of them.

    Each is decided about by itself: one that is refused does not hold up the others. Raises
    Http404 for an address that names nothing, PermissionDenied for who decides about nothing of
    the kind.
    """
    target_type, ids = _named(request)
    actor = staff(request.user)  # type: ignore[arg-type]
    if not actor.has_perm(permission_about(target_type)):
        raise PermissionDenied
    targets = list(rows_of(target_type).filter(pk__in=ids).order_by("pk"))
    if not targets:
        raise Http404
    cases = dict(Case.objects.open().filter(target_id__in=ids).values_list("target_id", "pk"))
    # Of several, all but one may be gone, and their cases open.
    if len(targets) == 1 and targets[0].pk in cases and request.method == "GET":
        return redirect("admin:social_case_change", cases[targets[0].pk])
    form = DecisionForm(
        request.POST or None,
        options=[
            Option(target_type, decision)
            for decision in decisions_about(target_type)
            if (decision.needs_target or cases)
            and any(decision.objection(target) is None for target in targets)
        ],
        preselect=request.GET.get("decision", ""),
    )
    if form.is_valid():
        _apply(request, form, actor, targets)
        return redirect(_back(target_type, targets))
    model = MODELS[target_type]
    return TemplateResponse(
        request,
        "desk/decide.html",
        {
            **site.each_context(request),
            "title": _title(target_type, targets),
            "opts": model._meta,
            "original": targets[0] if len(targets) == 1 else None,
            "form": form,
            "things": [
                {
                    "target": target,
                    "description": describe(target),
                    "case": cases.get(target.pk),
                    "state": state_of(target),
                }
                for target in targets
            ],
            "back": _back(target_type, targets),
        },
    )


def state_of(target: Any) -> str:
    """Return in words what was decided about a thing and still holds, "" for nothing."""
    if getattr(target, "removed_at", None):
        return "taken down" if isinstance(target, Video) else "removed"
    if not getattr(target, "is_active", True):
        return "banned"
    if getattr(target, "is_suspended", False):
        return f"suspended until {target.suspended_until:%Y-%m-%d %H:%M} UTC"
    return ""


def _named(request: HttpRequest) -> tuple[TargetType, list[UUID]]:
    try:
        target_type = TargetType(request.GET.get("target", ""))
        ids = [UUID(text) for text in request.GET.getlist("id")]
    except ValueError as error:
        raise Http404 from error
    if not 1 <= len(ids) <= MOST:
        raise Http404
    return target_type, ids


def _title(target_type: TargetType, targets: list[Any]) -> str:
    if len(targets) == 1:
        return f"Decide about a {target_type.value} of {describe(targets[0]).owner.username}"
    return f"Decide about {len(targets)} {target_type.value}s"


def _apply(request: HttpRequest, form: DecisionForm, actor: Actor, targets: list[Any]) -> None:
    done = 0
    for target in targets:
        try:
            decide(
                actor=actor,
                decision=form.chosen.decision,
                target_type=form.chosen.target_type,
                target_id=target.pk,
                reason=form.cleaned_data["reason"],
                days=form.days_chosen,
            )
        except Refused as refusal:
            label = describe(target).label[:60]
            messages.warning(request, f"Left alone: {label}. {refusal.message}")
        else:
            done += 1
    if done:
        name = form.chosen.decision.name.label
        messages.success(request, f"{done} {form.chosen.target_type.value}s {name}.")


def _back(target_type: TargetType, targets: list[Any]) -> str:
    model = MODELS[target_type]
    place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    if len(targets) == 1:
        return reverse(f"{place}_change", args=[targets[0].pk])
    return reverse(f"{place}_changelist")
