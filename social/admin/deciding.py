"""The form with which staff decide, and what it may offer to whom."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
)

from social.decisions import MAX_DAYS, Decision, decisions_about
from social.models import REASON_LENGTH, TargetType
from social.roles import Actor, Role
from social.services.moderation import Refused, may_decide
from users.models import User

USUAL_DAYS = 7


@dataclass(frozen=True)
class Option:
    """A decision that can be taken about one kind of thing."""

    target_type: TargetType
    decision: Decision

    @property
    def value(self) -> str:
        """Return what the form sends."""
        return f"{self.target_type}:{self.decision.name}"


def options_for(
    *, actor: Actor, target_type: TargetType, targets: Iterable[Any], owner: User, role: Role | None
) -> list[Option]:
    """Return what this actor may decide about things of one person, as far as it changes any.

    ``role`` is the owner's, where it is known already.
    """
    options = []
    there = [target for target in targets if target is not None]
    for decision in decisions_about(target_type):
        try:
            may_decide(
                actor=actor, decision=decision, target_type=target_type, owner=owner, role=role
            )
        except Refused:
            continue
        changes_any = any(decision.objection(target) is None for target in there)
        if changes_any or not decision.needs_target:
            options.append(Option(target_type, decision))
    return options


class DecisionForm(forms.Form):
    """A decision, its reason, and for how long."""

    decision = forms.ChoiceField(widget=UnfoldAdminRadioSelectWidget)
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_DAYS,
        initial=USUAL_DAYS,
        label="Days",
        help_text=f"How long a suspension lasts, from 1 to {MAX_DAYS}.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        help_text="The log keeps it, and the owner is told, except when you dismiss.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )

    def __init__(
        self, data: Any = None, *, options: Iterable[Option], preselect: str = "", **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.options = {option.value: option for option in options}
        for value, option in self.options.items():
            if option.decision.name == preselect:
                self.initial["decision"] = value
        field = self.fields["decision"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(value, option.decision.label) for value, option in self.options.items()]
        if not any(option.decision.takes_days for option in self.options.values()):
            del self.fields["days"]

    def clean(self) -> dict[str, Any]:
        """Want the days of what ends after some."""
        cleaned = super().clean() or {}
        chosen = self.options.get(cleaned.get("decision", ""))
        missing = "days" not in cleaned or cleaned["days"] is None
        if chosen and chosen.decision.takes_days and missing and not self.has_error("days"):
            self.add_error("days", f"Say for how many days, from 1 to {MAX_DAYS}.")
        return cleaned

    @property
    def chosen(self) -> Option:
        """Return the decision of a valid form."""
        return self.options[self.cleaned_data["decision"]]

    @property
    def days_chosen(self) -> int | None:
        """Return the days of a valid form, None for what does not end."""
        return self.cleaned_data.get("days") if self.chosen.decision.takes_days else None
