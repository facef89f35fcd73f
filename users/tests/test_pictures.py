"""Replacing avatar and cover image."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from users.models import User
from users.tests.queries import captured_queries
from viztube.api.tests.fixtures import Answer, Client
from viztube.media.disk import DiskBackend
from viztube.media.tests.fixtures import named_file, picture

pytestmark = pytest.mark.django_db

RunJobs = Callable[[], list[str]]
StoredFiles = Callable[[], set[str]]


class Kind(NamedTuple):
    """One of the two pictures of a person."""

    path: str
    field: str
    column: str
    max_side: int

    def send(self, client: Client, file: Any) -> Answer:
        """Replace the picture."""
        return client.patch(self.path, {self.field: file})

    def stored(self) -> str:
        """Return the path that is stored."""
        return str(User.objects.values_list(self.column, flat=True).get())


@pytest.fixture(
    params=[
        Kind("user/update-avatar", "avatar", "avatar", 800),
        Kind("user/update-cover-image", "coverImage", "cover_image", 2560),
    ],
    ids=lambda kind: kind.field,
)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return each of both."""
    assert isinstance(request.param, Kind)
    return request.param


def fetched(client: Client, address: str) -> Image.Image:
    """Return the picture at an address."""
    answer = client.get(address)
    assert answer.status == 200
    return Image.open(BytesIO(answer.response.getvalue()))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_a_new_picture_is_served_at_its_address(
    user_client: Client, api: Client, kind: Kind, image_format: str
) -> None:
    answer = kind.send(user_client, picture(image_format))

    assert answer.status == 200
    address = answer.data[kind.field]
    assert "/media/p/" in address
    assert address.endswith(kind.stored())
    served = fetched(api, address)
    assert (served.format, served.size) == (image_format, (64, 48))
    assert user_client.get("user/current-user-details").data == answer.data


def test_the_other_picture_stays(user_client: Client, api: Client) -> None:
    avatar = user_client.patch("user/update-avatar", {"avatar": picture()}).data["avatar"]

    answer = user_client.patch("user/update-cover-image", {"coverImage": picture()})

    assert answer.data["avatar"] == avatar
    assert api.get(avatar).status == 200


def test_the_old_address_stops_at_once_and_its_file_goes(
    user_client: Client, api: Client, kind: Kind, run_jobs: RunJobs, stored_files: StoredFiles
) -> None:
    old = kind.send(user_client, picture()).data[kind.field]
    new = kind.send(user_client, picture("JPEG")).data[kind.field]

    assert old != new
    assert api.get(old).status == 404
    assert api.get(new).status == 200
    assert sorted(run_jobs()) == ["delete_folder", "place_folder", "place_folder"]
    assert stored_files() == {kind.stored()}
    assert api.get(new).status == 200


def test_an_imported_picture_is_replaced(
    user_client: Client, kind: Kind, run_jobs: RunJobs
) -> None:
    User.objects.update(**{kind.column: "https://res.cloudinary.example/image/upload/a.jpg"})

    assert kind.send(user_client, picture()).status == 200

    assert run_jobs() == ["place_folder"]


def test_a_crash_between_commit_and_move_is_mended_by_the_job(
    user_client: Client,
    api: Client,
    kind: Kind,
    run_jobs: RunJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*args: Any) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as patch:
        patch.setattr(DiskBackend, "move", away)
        answer = kind.send(user_client, picture())

    assert answer.status == 200
    assert api.get(answer.data[kind.field]).status == 404
    run_jobs()
    assert api.get(answer.data[kind.field]).status == 200


@pytest.mark.parametrize(
    "content",
    [
        b"just text",
        b"",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    ],
    ids=["text", "empty", "broken", "gif", "svg"],
)
def test_what_is_no_picture_is_refused_and_changes_nothing(
    user_client: Client,
    api: Client,
    kind: Kind,
    stored_files: StoredFiles,
    media_root: Path,
    content: bytes,
) -> None:
    before = kind.send(user_client, picture()).data

    answer = kind.send(user_client, named_file(content, "me.png"))

    assert answer.status == (415 if content else 400)
    assert list(answer.body["details"]) == [kind.field]
    assert user_client.get("user/current-user-details").data == before
    assert stored_files() == {kind.stored()}
    assert list((media_root / "incoming").iterdir()) == []
    assert api.get(before[kind.field]).status == 200


def test_without_a_file_the_field_is_named(user_client: Client, kind: Kind) -> None:
    answer = user_client.patch(kind.path, {"other": "x"}, content_type="multipart/form-data")

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["details"][kind.field][0]["code"] == "required"


@pytest.mark.parametrize("value", [None, "", "https://example.com/a.png", {"name": "a", "size": 1}])
def test_json_is_no_picture(user_client: Client, kind: Kind, value: Any) -> None:
    answer = user_client.patch(kind.path, {kind.field: value})

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [kind.field]


def test_a_picture_over_ten_megabytes_is_refused(
    user_client: Client, kind: Kind, stored_files: StoredFiles
) -> None:
    answer = kind.send(user_client, named_file(bytes(10_000_001), "a.png"))

    assert (answer.status, answer.code) == (413, "too_large")
    assert stored_files() == set()


def test_a_body_far_over_a_picture_is_refused_by_its_length(
    user_client: Client, kind: Kind
) -> None:
    answer = user_client.patch(kind.path, {kind.field: picture()}, Content_Length="10200001")

    assert (answer.status, answer.code) == (413, "too_large")
    assert "10,200,000" in answer.body["message"]


def test_a_large_picture_is_made_smaller(user_client: Client, api: Client, kind: Kind) -> None:
    address = kind.send(user_client, picture("JPEG", (3000, 1500))).data[kind.field]

    assert fetched(api, address).size == (kind.max_side, kind.max_side // 2)


def test_metadata_is_dropped_after_the_picture_was_turned_upright(
    user_client: Client, api: Client, kind: Kind
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    exif[0x010E] = "a secret"  # description
    exif.get_ifd(0x8825)[1] = "N"  # GPS latitude
    content = BytesIO()
    Image.new("RGB", (64, 48)).save(content, "JPEG", exif=exif, comment=b"a secret")

    answer = kind.send(user_client, named_file(content.getvalue() + b"a secret", "a.jpg"))

    address = answer.data[kind.field]
    served = fetched(api, address)
    assert served.size == (48, 64)
    assert not served.getexif()
    assert b"a secret" not in api.get(address).response.getvalue()


def test_the_name_of_the_file_is_not_used(
    user_client: Client, kind: Kind, stored_files: StoredFiles
) -> None:
    for name in ("../../../etc/passwd", "a.html", "x" * 300, "é \u202e.png"):
        assert kind.send(user_client, picture("PNG", name=name)).status == 200
        stem = kind.column.replace("_", "-")
        assert kind.stored().rpartition("/")[2] == f"{stem}.png"


def test_no_other_column_can_be_set(user_client: Client, kind: Kind) -> None:
    before = User.objects.values().get()
    body = {kind.field: picture(), "username": "other", "is_staff": "true", "fullname": "Other"}

    assert user_client.patch(kind.path, body).status == 200

    after = User.objects.values().get()
    assert {name for name in after if after[name] != before[name]} == {kind.column, "updated_at"}


def test_a_new_picture_costs_five_queries(user_client: Client, kind: Kind) -> None:
    kind.send(user_client, picture())

    # SELECT the caller, SELECT them FOR UPDATE, UPDATE, INSERT a job to move, INSERT one to delete.
    with captured_queries() as queries:
        kind.send(user_client, picture())

    assert len(queries) <= 5, queries
