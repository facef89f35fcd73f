"""How often one may try to sign in, and what else only accounts have.

A guess counts before the password is looked at, for a name that nobody has as for any other, so
that neither the answer nor its time tells which accounts exist. Who is signed in goes on by his
tokens, whatever strangers try.
"""

from collections.abc import Mapping
from typing import Any

from viztube.api.throttling import Scope, by_address, by_person, digest

REGISTER = Scope("register", by_address)
PASSWORD = Scope("password", by_person)
# Tokens are exchanged and ended by whoever has them.
SESSION = Scope("session", by_address)
REFRESH = Scope("refresh")

LOGIN_ADDRESS = Scope("login-address", by_address)
_LOGIN = Scope("login")
# Of those that fail, from wherever. Answers do not tell how many are left: that would tell what
# others try.
_LOGIN_ACCOUNT = Scope("login-account", is_told=False)


def account_in(credentials: Mapping[str, Any]) -> str:
    """Return the account that credentials name, as it was typed but for its case."""
    return str(credentials.get("email") or credentials.get("username") or "").lower()


def take_guess(request: Any, account: str) -> None:
    """Count an attempt to sign in; raises TooManyRequests (429) for one too many.

    Who knows an account by both its names has twice as many: to count them together the names would
    have to be looked up, and who had used up one could tell that the other belongs to it.
    """
    name = digest(account)
    _LOGIN.take(request, f"{name}:{by_address(request)}")
    _LOGIN_ACCOUNT.take(request, name)


def give_back_guess(account: str) -> None:
    """Take back that an attempt failed: it did not.

    The failures of others stay counted. Else who has made some could tell by what is left that the
    owner has signed in, and so that there is an owner.
    """
    _LOGIN_ACCOUNT.give_back(digest(account))
