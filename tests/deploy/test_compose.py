"""compose.yaml runs what the image and the command line know, behind a proxy that alone is believed."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, ip_address
from typing import Any

import pytest
import yaml

from tests.cli.processes import ROOT
from tests.deploy.dockerfile import only, stages
from tests.deploy.flags import stated

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS, CADDY = SERVICES["tag-container"], SERVICES["caddy"]
RUNTIME = stages()[1]
COMMAND, *ARGUMENTS = OURS["command"]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Source, and whether it is read-only, by the place in the container."""
    found = [each.split(":") for each in service["volumes"]]
    return {place: (source, rest == ["ro"]) for source, place, *rest in found}


def test_it_runs_serve_with_flags_that_exist() -> None:
    assert COMMAND == "serve"
    flags = stated(ARGUMENTS)
    assert flags["--host"] == ["0.0.0.0"]
    assert flags["--data"] == [only(RUNTIME, "VOLUME").text]
    assert "--demo" not in flags


@pytest.mark.parametrize("name", ["tag-container", "caddy"])
def test_no_service_has_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == ([] if name == "tag-container" else ["NET_BIND_SERVICE"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [each.split(":")[0].strip("/") for each in service["tmpfs"]] == ["tmp"]
    assert not {"privileged", "pid", "ipc", "network_mode", "user", "devices"} & service.keys()


def test_the_admin_listener_is_bound_to_this_machine_alone_and_hits_come_through_the_proxy() -> None:
    assert OURS["ports"] == ["127.0.0.1:8081:8081"]
    assert stated(ARGUMENTS)["--admin-host"] == ["0.0.0.0"]
    assert CADDY["ports"] == ["80:80", "443:443", "443:443/udp"]
    upstream = re.findall(r"reverse_proxy (\S+)", (ROOT / "deploy" / "Caddyfile").read_text("utf-8"))
    assert upstream == [f"tag-container:{only(RUNTIME, 'EXPOSE').text}"]


def test_the_proxy_alone_is_trusted() -> None:
    at = CADDY["networks"]["front"]["ipv4_address"]
    assert stated(ARGUMENTS)["--trusted-proxy"] == [at]
    [network] = COMPOSE["networks"]["front"]["ipam"]["config"]
    subnet, others = IPv4Network(network["subnet"]), IPv4Network(network["ip_range"])
    assert ip_address(at) in subnet
    assert others.subnet_of(subnet)
    # Everybody else of the network, and the gateway, from which strangers may come.
    assert ip_address(at) not in others
    assert ip_address(at) != ip_address(network["gateway"])
    # A fixed address would be taken when `validate` runs beside the container.
    assert OURS["networks"] == ["front"]


def test_secrets_are_files_and_nowhere_else() -> None:
    assert stated(ARGUMENTS)["--secrets-dir"] == ["/run/secrets"]
    assert set(OURS["secrets"]) == COMPOSE["secrets"].keys()
    assert all(each == {"file": f"./secrets/{name}"} for name, each in COMPOSE["secrets"].items())
    assert not {"environment", "env_file"} & OURS.keys()
    example = (ROOT / "container.yaml").read_text(encoding="utf-8")
    assert set(OURS["secrets"]) == {"TAG_CONTAINER_ADMIN_TOKEN", *re.findall(r"\$\{secret:(\w+)\}", example)}
    assert re.search(r"^/secrets/$", (ROOT / ".gitignore").read_text("utf-8"), re.MULTILINE)


def test_the_data_is_a_volume_and_the_container_file_a_folder_that_cannot_be_written() -> None:
    found = mounts(OURS)
    assert found[only(RUNTIME, "VOLUME").text] == ("deliveries", False)
    assert found[only(RUNTIME, "WORKDIR").text] == ("./config", True)
    named = {source for each in SERVICES.values() for source, _ in mounts(each).values() if not source.startswith(".")}
    assert named == COMPOSE["volumes"].keys()
    assert mounts(CADDY)["/etc/caddy/Caddyfile"] == ("./deploy/Caddyfile", True)


def test_it_may_stop_in_peace_and_comes_back() -> None:
    assert OURS["stop_grace_period"] == "40s"
    assert {each["restart"] for each in SERVICES.values()} == {"unless-stopped"}


def test_it_is_asked_about_its_health_as_the_image_says() -> None:
    health = only(RUNTIME, "HEALTHCHECK")
    assert OURS["healthcheck"]["test"] == ["CMD", *health.listed]
    options = dict(re.findall(r"--([a-z-]+)=(\S+)", health.text))
    own = {name.replace("_", "-"): str(value) for name, value in OURS["healthcheck"].items() if name != "test"}
    assert own == options


def test_the_caddyfile_is_that_of_the_page() -> None:
    [block, _] = re.findall(r"^```caddy\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    own = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    assert own.replace("tag-container:8080", "127.0.0.1:8080") == block
