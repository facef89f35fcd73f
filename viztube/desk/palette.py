"""What Ctrl+K searches: the lists, by their names."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

MOST = 100  # lists on the one page there is


@dataclass(frozen=True)
class Found:
    """A list as unfold's template shows it."""

    title: str
    description: str
    link: str
    icon: str = "tag"


def find_lists(request: HttpRequest) -> HttpResponse:
    """Return the lists that this person may open whose name, or whose app's, has what is typed.

    In the place of unfold's own view, which keeps what it found in the cache: that takes no names
    translated late, as those of Django's apps are, and may be away.
    """
    typed = request.GET.get("s", "").strip().lower()
    if not typed:
        return HttpResponse()
    found = [
        Found(str(model["name"]), str(app["name"]), model["admin_url"])
        for app in admin.site.get_app_list(request)
        for model in app["models"]
        if typed in f"{app['name']} {model['name']}".lower()
    ]
    pages = Paginator(found, MOST)
    shown: dict[str, Any] = {
        "page_obj": pages,
        "results": pages.page(1),
        "page_counter": 0,
        "execution_time": 0,
        "command_show_history": False,
    }
    return TemplateResponse(
        request, "unfold/helpers/command_results.html", shown, headers={"HX-Trigger": "search"}
    )
