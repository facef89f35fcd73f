"""Makes people."""

from functools import cache
from typing import Any

import factory
from django.contrib.auth.hashers import make_password
from factory.django import DjangoModelFactory

from users.models import User

PASSWORD = "correct horse battery staple"


@cache
def hashed(password: str | None) -> str:
    """Return what is stored for a password: hashed once, because a hash takes long on purpose."""
    return make_password(password)


class UserFactory(DjangoModelFactory[User]):
    """A person whose password is ``PASSWORD``."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@viztube.example")
    fullname = factory.LazyAttribute(lambda user: user.username.title())

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> User:
        password = hashed(kwargs.pop("password", PASSWORD))
        user = model_class(*args, password=password, **kwargs)
        user.save()
        return user  # type: ignore[no-any-return]
