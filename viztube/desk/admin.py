"""The base of every ModelAdmin: lists that stay fast, evidence that stays as it is, decisions."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action

from viztube.desk.cells import link_to
from viztube.desk.paging import BoundedPaginator, DeskChangeList
from viztube.desk.search import NotSearchable, Search

DECIDE = "admin:social_case_decide"
# What a decision may be about, and who decides about it.
DECIDERS = {
    "video": "social.decide_content",
    "comment": "social.decide_content",
    "tweet": "social.decide_content",
    "channel": "social.decide_people",
}


class DeskAdmin(ModelAdmin):  # type: ignore[misc]
    """A list that is read from indexes, whatever the size of its table.

    ``ordering`` must be that of an index, the newest first. Nothing is deleted on the desk: what
    breaks the rules is decided about, and stays as evidence.
    """

    paginator = BoundedPaginator
    list_per_page = 50
    # As many as a page: the addresses of what is chosen fit into the address of the decision.
    list_max_show_all = 50
    list_filter_submit = True
    list_disable_select_all = True
    show_full_result_count = False
    empty_value_display = "-"
    ordering: ClassVar[Any] = ("-created_at", "-id")
    actions_detail: tuple[str, ...] = ()

    search = Search()
    # The name under which a decision knows such things: one of DECIDERS.
    decides: str | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if self.decides:
            self.actions_detail = (*self.actions_detail, "decide_about_this")

    # Lists

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DeskChangeList]:
        """Return the kind of list."""
        return DeskChangeList

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the column that the list's index is in the order of."""
        return (self.get_ordering(request)[0].lstrip("-"),)

    def get_search(self, request: HttpRequest) -> Search:
        """Return where this person may search."""
        return self.search

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Return columns that are searched, which only makes Django show the field for it."""
        search = self.get_search(request)
        return (*search.text, *search.ids)

    # Django's checks ask for it before it lets others complete names from this list.
    search_fields: ClassVar[Any] = ("id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return what was searched for, and that no row comes twice."""
        try:
            return self.get_search(request)(queryset, search_term), False
        except NotSearchable as reason:
            # What is being typed into an autocompletion grows until it is long enough.
            if not request.path.endswith("/autocomplete/"):
                self.message_user(request, str(reason), messages.WARNING)
            return queryset.none(), False

    # Odd input

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return a row, None for an id that no row can have."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Run an action, unless what was chosen are no ids, which no page sends."""
        try:
            for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(chosen)
        except ValidationError:
            self.message_user(request, "What was chosen is not in this list.", messages.WARNING)
            return None
        response: HttpResponse | None = super().response_action(request, queryset)
        return response

    # What may be done

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what should go is decided about."""
        return False

    def may_decide(self, request: HttpRequest) -> bool:
        """Tell whether this person decides about such things."""
        return self.decides is not None and request.user.has_perm(DECIDERS[self.decides])

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say the same to Django and unfold."""
        return self.may_decide(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Add the decision about what is chosen."""
        actions: dict[str, Any] = super().get_actions(request)
        if self.may_decide(request) and "_popup" not in request.GET:
            text = f"Decide about the chosen {self.opts.verbose_name_plural}"
            actions["decide"] = (type(self).decide, "decide", text)
        return actions

    def decide(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Lead to the decision about the rows that were chosen."""
        chosen = list(queryset.values_list("pk", flat=True)[: self.list_per_page + 1])
        if len(chosen) > self.list_per_page:
            text = f"Choose at most {self.list_per_page} at a time."
            self.message_user(request, text, messages.WARNING)
            return None
        return self._lead_to_decision(chosen)

    @action(  # type: ignore[untyped-decorator]
        description="Decide", url_path="decide", permissions=["decide"], icon="gavel"
    )
    def decide_about_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the decision about one row."""
        return self._lead_to_decision([object_id])

    def _lead_to_decision(self, ids: list[Any]) -> HttpResponse:
        query = [("target", self.decides), *(("id", str(one)) for one in ids)]
        return redirect(f"{reverse(DECIDE)}?{urlencode(query)}")

    # Cells

    def owner(self, row: Any) -> str:
        """Return a link to the person whose a row is."""
        return link_to(row.user)


class EvidenceAdmin(DeskAdmin):
    """What staff may look at and nobody may edit."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: it writes itself."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: it is evidence."""
        return False
