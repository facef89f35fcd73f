"""Forgetting what the shared cache holds of a person."""

from viztube.api import shared


def forget_person_on_commit(*usernames: str) -> None:
    """Forget the page of a channel, and what else shows its name and avatar, at the commit.

    Under all names that it has or had in the transaction.
    """
    pages = (shared.CHANNEL.tag(name) for name in dict.fromkeys(usernames))
    shared.forget_on_commit(*pages, shared.VIDEO_LIST.tag(), shared.PEOPLE)
