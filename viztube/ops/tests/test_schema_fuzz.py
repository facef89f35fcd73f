"""The API against its own documentation: schemathesis finds nothing, whoever calls.

schemathesis reads the document that the application serves and sends each operation what it
allows and what it forbids: values at and past each bound, other types, missing and unknown
parameters, undocumented methods and types of content, and random data. Its checks compare every
answer with the document. New endpoints are picked up by themselves.
"""

from typing import Any

import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from viztube.ops.tests.stage import Stage, application

# Fields whose refusal is part of the contract although no schema can say when, by status: cursors
# are ours alone to make, relevance needs a query, days are compared with each other, passwords with
# lists, the account and the old one, a playlist's order with its videos; and files are judged by
# their content.
BEYOND_SCHEMA = {
    400: {
        *("cursor", "sortBy", "from", "to", "videoIds"),
        *("password", "newPassword", "oldPassword"),
    },
    415: {"avatar", "coverImage", "thumbnail", "videoFile"},
}

schema = schemathesis.openapi.from_wsgi(
    "/api/v2/schema",
    application,
    config=schemathesis.Config.from_dict(
        {
            "generation": {
                "mode": "all",
                "max-examples": 10,
                # The same requests on every run: a change of ours fails, chance does not.
                "deterministic": True,
            },
            # Nor does a new constant somewhere in our source.
            "analysis": {"constants": {"enabled": False}},
        }
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@schema.parametrize()
def test_every_operation_keeps_to_its_documentation(
    case: schemathesis.Case[Any], stages: list[Stage]
) -> None:
    # To make up a request takes as long as to answer it, so that more than one caller sends each.
    for stage in [stage for stage in stages if stage.sends(case)]:
        try:
            send(case, stage)
        except Exception as error:
            error.add_note(f"The caller: {stage.caller}")
            raise


def send(case: schemathesis.Case[Any], stage: Stage) -> None:
    """Send a request as somebody; fail unless the answer keeps to the documentation."""
    request, headers = stage.prepared(case)
    with transaction.atomic():
        response = request.call(headers=headers)
        refused = set(response.json()["details"]) if response.status_code >= 400 else set()
        excluded = []
        if refused and refused <= BEYOND_SCHEMA.get(response.status_code, set()):
            excluded.append(positive_data_acceptance)
        if is_padded(request.body):
            excluded.append(negative_data_rejection)
        if stage.caller == "staff":
            # It takes the credentials away, so that it is the same for whoever had some.
            excluded.append(ignored_auth)
        request.validate_response(
            response,
            headers=headers,
            excluded_checks=excluded,
        )
        # Whatever was deleted, changed or signed out is there again for the next request.
        transaction.set_rollback(True)
    stage.answered(response.status_code)


def is_padded(body: Any) -> bool:
    """Tell whether a text has white space around it.

    It is cut off before a text is measured, so that more is taken than a ``maxLength`` says.
    """
    texts = body.values() if isinstance(body, dict) else ()
    return any(isinstance(text, str) and text != text.strip() for text in texts)
