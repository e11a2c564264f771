"""The doors of the running installation: the foreign page, the rebinding name, the local user, the proxy."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from tests.story.stack import Stack, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

EVIL = "http://evil.example"
# One request of each process that would tell or change something: method, path, body.
ASKED: dict[str, tuple[str, str, Any]] = {
    "prefect": ("POST", "/api/flow_runs/filter", {}),
    "mlflow": ("GET", "/api/2.0/mlflow/registered-models/search", None),
    "pce": ("PUT", "/endpoint", {"url": EVIL, "model_name": "m", "model_version": "9", "policy": "p"}),
    "controller": ("GET", "/restconf/data/tapi-common:context", None),
    "elements": ("GET", "/elements", None),
    "console": ("GET", "/", None),
}


def ask(stack: Stack, service: str, headers: dict[str, str], login: bool = True) -> httpx.Response:
    method, path, body = ASKED[service]
    known = stack.home.credentials()
    auth = (known.user, known.password) if login else None
    url = stack.config.services.url(service) + path
    return httpx.request(method, url, json=body, headers=headers, auth=auth, timeout=20, trust_env=False)


@pytest.mark.parametrize("service", ASKED)
def test_strangers_are_refused(stack: Stack, service: str) -> None:
    assert ask(stack, service, {"Origin": EVIL}).status_code == 403
    assert ask(stack, service, {"Host": "evil.example:80"}).status_code == 421
    assert ask(stack, service, {}, login=False).status_code == 401
    if service != "pce":  # its question would change the endpoint
        assert ask(stack, service, {}).is_success


def test_the_model_in_service_answers_nobody_else(stack: Stack) -> None:
    url = stack.json("status")["endpoint"]
    token = {"Authorization": f"Bearer {stack.home.credentials().token}"}

    assert httpx.get(url + "/version", trust_env=False).status_code == 401
    assert httpx.get(url + "/version", headers=token | {"Origin": EVIL}, trust_env=False).status_code == 403
    assert httpx.get(url + "/version", headers=token, trust_env=False).is_success


def test_no_page_runs_a_command(stack: Stack, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    deployment = stack.prefect.deployment_id("drift-monitor/drift-monitor")
    url = f"{stack.prefect.url}/deployments/{deployment}/create_flow_run"
    body = {"job_variables": {"command": f"touch {marker}"}, "state": {"type": "SCHEDULED"}}
    known = stack.home.credentials()
    login = (known.user, known.password)

    assert (
        httpx.post(url, json=body, headers={"Origin": EVIL}, auth=login, trust_env=False).status_code == 403
    )
    assert httpx.post(url, json=body, trust_env=False).status_code == 401
    # Also who may start a run may not say which program it is.
    answer = httpx.post(url, json=body, auth=login, trust_env=False)
    if answer.is_success:
        run_id = answer.json()["id"]
        until(lambda: stack.prefect.flow_run(run_id)["state_type"] in ("COMPLETED", "CANCELLED"), 120)
    assert not marker.exists()


def test_the_consoles_socket_is_closed_to_strangers(stack: Stack) -> None:
    host = stack.config.services.url("console").removeprefix("http://")
    url = f"ws://{host}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    bearer = {"Authorization": f"Bearer {stack.home.credentials().token}"}

    async def status(origin: str, headers: dict[str, str]) -> int:
        try:
            async with websockets.connect(url, origin=origin, additional_headers=headers, proxy=None):  # type: ignore[arg-type]
                return 101
        except websockets.exceptions.InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(status(EVIL, bearer)) == 403
    assert asyncio.run(status(f"http://{host}", {})) == 403
    assert asyncio.run(status(f"http://{host}", bearer)) == 101


def test_nothing_of_the_home_is_readable_by_others(stack: Stack) -> None:
    assert stat.S_IMODE(stack.home.root.stat().st_mode) == 0o700
    for database in stack.home.state.glob("*.db*"):
        assert stat.S_IMODE(database.stat().st_mode) == 0o600, database
    assert stat.S_IMODE((stack.home.root / "secrets.env").stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.manager.socket.stat().st_mode) & 0o077 == 0


def test_no_page_of_ours_may_be_framed(stack: Stack) -> None:
    for service in ("prefect", "mlflow", "console"):
        headers = ask(stack, service, {}).headers
        assert headers["x-frame-options"] in ("DENY", "SAMEORIGIN"), service
        assert "frame-ancestors" in headers["content-security-policy"], service
        assert headers.get("access-control-allow-origin") != "*", service


def test_the_work_pool_takes_no_command(stack: Stack) -> None:
    pool = stack.prefect.get(f"/work_pools/{stack.config.prefect.work_pool}")

    assert "command" not in json.dumps(pool["base_job_template"])


def test_what_the_proxy_of_the_shell_has_heard(stack: Stack) -> None:
    """Everything so far was started and asked from a shell with a proxy in it."""
    made = stack.json("request", "--from", "A", "--to", "C", "--gbps", "25")

    assert made["path"][0] == "A"
    assert stack.trap.heard == []
