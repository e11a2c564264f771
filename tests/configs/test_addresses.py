"""Where processes listen, by which names they are called, and proxies of the shell."""

from __future__ import annotations

import pytest

from configs.load import ConfigError, load_config
from configs.proxies import without_proxies

INTERNAL = ("prefect", "mlflow", "model_a", "model_b", "pce", "elements")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "evil.example"])
def test_internal_processes_stay_on_the_loopback(host: str) -> None:
    with pytest.raises(ConfigError, match=r"services\.host.*northbound_host"):
        load_config("five-node", [f"services.host='{host}'"])


def test_only_controller_and_console_move_and_are_asked_on_the_loopback() -> None:
    overrides = ["services.northbound_host=0.0.0.0", "services.northbound_names=[net.example]"]
    at = load_config("five-node", overrides).services

    assert at.listens_on("controller") == at.listens_on("console") == "0.0.0.0"
    assert {at.listens_on(name) for name in INTERNAL} == {"127.0.0.1"}
    assert at.url("controller").startswith("http://127.0.0.1:")
    assert at.names_of("controller") == ("net.example",)
    assert all(at.names_of(name) == () for name in INTERNAL)


def test_a_northbound_address_is_a_name_of_its_own() -> None:
    at = load_config("five-node", ["services.northbound_host=192.0.2.7"]).services

    assert at.names_of("console") == ("192.0.2.7",)
    assert at.url("console").startswith("http://192.0.2.7:")


def test_no_proxy_of_the_shell_is_left() -> None:
    environment = {"HTTP_PROXY": "http://p", "all_proxy": "socks5://p", "NO_PROXY": "x", "HOME": "/h"}

    without_proxies(environment)

    assert environment == {"HOME": "/h"}


def test_a_proxy_that_is_asked_for_never_sees_the_loopback() -> None:
    environment = {"HTTPS_PROXY": "http://p", "no_proxy": "corp.example", "LIGHTLOOP_KEEP_PROXY": "1"}

    without_proxies(environment)

    assert environment["HTTPS_PROXY"] == "http://p"
    assert environment["NO_PROXY"] == environment["no_proxy"] == "corp.example,127.0.0.1,localhost,::1"
