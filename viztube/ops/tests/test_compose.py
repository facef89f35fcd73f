"""What docker-compose.yml promises; no Docker is needed to read it."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from viztube.ops.management.commands.worker import GRACE_SECONDS, TRANSCODE_GRACE_SECONDS
from viztube.ops.tests.site import PROJECT

TEXT = (PROJECT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# They end by themselves before the others serve.
ONE_OFF = {"secrets", "migrate"}
LASTING = SERVICES.keys() - ONE_OFF
APP = {name for name, service in SERVICES.items() if "VIZTUBE_IMAGE" in service["image"]}


def megabytes(service: str) -> int:
    return int(SERVICES[service]["mem_limit"].removesuffix("m"))


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def mounts(service: str) -> dict[str, str]:
    """Return what is mounted in a service: source by target."""
    volumes = SERVICES[service].get("volumes", ())
    parts = (volume.rsplit("}", 1)[-1].split(":") for volume in volumes)
    return {part[1]: part[0] for part in parts}


def before(service: str) -> set[str]:
    """Return the services that a service waits for, directly or not."""
    found: set[str] = set()
    waiting = list(SERVICES[service].get("depends_on", ()))
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += SERVICES[name].get("depends_on", ())
    return found


def test_the_small_machine_has_room_for_all_that_lasts() -> None:
    lasting = {name for name in LASTING if SERVICES[name].get("profiles") != ["local-hls"]}

    assert sum(megabytes(name) for name in lasting) < 900


def test_the_table_says_what_the_limits_are() -> None:
    table = dict(re.findall(r"^#   ([a-z][a-z-]+) +(\d+) MB", TEXT, re.MULTILINE))
    total = re.search(r"^# {20,}(\d+) MB", TEXT, re.MULTILINE)

    assert {name: int(size) for name, size in table.items()} == {
        name: megabytes(name) for name in LASTING
    }
    assert total
    assert int(total[1]) == sum(map(megabytes, LASTING - {"viztube-transcoder"}))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] <= 128
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["restart"] == ("no" if name in ONE_OFF else "unless-stopped")
    assert "privileged" not in service
    assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_of_one_version(name: str) -> None:
    image = SERVICES[name]["image"]

    assert name in APP or re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", image)


def test_only_nginx_is_reached_from_outside_and_only_from_here_unless_told() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"nginx"}
    assert all(":-127.0.0.1:" in port for port in SERVICES["nginx"]["ports"])
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "valkey", "migrate", "backup"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_who_may_change_tables_is_mounted_only_where_it_is_needed() -> None:
    holders = {name for name in SERVICES if "secrets-owner" in mounts(name).values()}

    assert holders == {"secrets", "migrate", "backup"}
    assert {name for name in SERVICES if "secrets-database" in mounts(name).values()} == {
        "secrets",
        "postgres",
    }


def test_doctor_asks_the_nginx_that_is_run() -> None:
    asked = urlsplit(SERVICES["viztube-worker"]["environment"]["TLS_SERVER"])
    published = [port.rsplit(":", 1)[1] for port in SERVICES["nginx"]["ports"]]

    assert asked.scheme == "https"
    assert asked.hostname == "nginx"
    assert str(asked.port) in published
    assert set(SERVICES["viztube-worker"]["networks"]) & set(SERVICES["nginx"]["networks"])
    # The key of the certificate is in there.
    assert {name for name in SERVICES if "certificates" in mounts(name).values()} == {
        *("secrets", "nginx", "certbot"),
    }


def test_what_is_large_is_on_a_disk() -> None:
    for service in SERVICES.values():
        temporary = {part.split(":")[0] for part in service.get("tmpfs", ())}
        assert not temporary & {"/media", "/backups", "/var/spool/nginx", "/var/lib/postgresql"}
    assert mounts("nginx")["/var/spool/nginx"] == "spool"
    assert mounts("viztube-api")["/media"] == mounts("nginx")["/media"] == "media"


def test_what_is_mounted_is_there() -> None:
    for name in SERVICES:
        for source in mounts(name).values():
            if source.startswith("."):
                assert (PROJECT / source).exists(), source
            elif source:
                assert source.removeprefix(":-") in COMPOSE["volumes"]


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - APP))
def test_volumes_belong_to_the_account_of_our_image(name: str) -> None:
    listed = re.search(r"for folder in (.*?);", (PROJECT / "Dockerfile").read_text(), re.DOTALL)
    assert listed
    ours = set(listed[1].split())
    for volume in SERVICES[name].get("volumes", ()):
        source, _, options = (*volume.split(":"), "")[:3]
        # The image of PostgreSQL has a folder for the database, as it should be.
        if source in COMPOSE["volumes"] and source != "database":
            assert "nocopy" in options.split(","), volume
            earlier = [mounts(one).items() for one in before(name) & APP]
            assert any((folder, source) in mounted for mounted in earlier for folder in ours), (
                volume
            )


@pytest.mark.parametrize("name", SERVICES)
def test_who_runs_may_write_into_its_temporary_folders(name: str) -> None:
    user, group = SERVICES[name]["user"].split(":")
    for folder in SERVICES[name].get("tmpfs", ()):
        place, options = folder.split(":")
        # In every image anyone may write there.
        assert place == "/tmp" or {f"uid={user}", f"gid={group}"} <= {*options.split(",")}


def test_the_image_is_built_once_for_all_that_use_it() -> None:
    assert [name for name in APP if "build" in SERVICES[name]] == ["secrets"]
    assert all("secrets" in before(name) for name in SERVICES.keys() - {"secrets"})


def test_every_secret_is_a_setting_and_a_file_that_is_made() -> None:
    known = (PROJECT / ".env.example").read_text()
    maker = (PROJECT / "deploy/secrets.sh").read_text()
    for name in APP:
        for variable, path in SERVICES[name]["environment"].items():
            if variable.endswith("_FILE"):
                assert f"\n{variable.removesuffix('_FILE')}=" in known
                assert path.rpartition("/")[2] in maker
    plain = {key for name in APP for key in SERVICES[name]["environment"]}
    assert not [key for key in plain if re.search("SECRET_KEY$|PASSWORD$|DSN$", key)]


def test_who_is_stopped_may_finish() -> None:
    assert seconds(SERVICES["viztube-api"]["stop_grace_period"]) > 30
    assert seconds(SERVICES["viztube-worker"]["stop_grace_period"]) > GRACE_SECONDS
    transcoder = seconds(SERVICES["viztube-transcoder"]["stop_grace_period"])
    assert transcoder > 2 * TRANSCODE_GRACE_SECONDS


@pytest.mark.parametrize("name", sorted(LASTING))
def test_every_service_waits_for_what_it_needs_and_tells_how_it_is(name: str) -> None:
    service = SERVICES[name]

    assert all("condition" in one for one in service["depends_on"].values())
    # The image of the application has one of its own.
    assert name == "viztube-api" or "healthcheck" in service


def test_the_image_has_the_programs_of_the_server_s_version() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    version = re.search(r"postgres:(\d+)\.", SERVICES["postgres"]["image"])
    assert version

    assert f"postgresql-client-{version[1]}" in dockerfile
    assert f"/usr/lib/postgresql/{version[1]}/bin" in dockerfile
    assert "USER 10001:10001" in dockerfile
    assert "--require-hashes" in dockerfile
