"""``lightloop env``: what a shell gets, and that asking for it makes nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from configs.home import Home
from lightloop.main import app
from lightloop.output import Refusal

PROXY = "http://proxy.example:3128"
SHOWN = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("LIGHTLOOP_CONFIG", "LIGHTLOOP_USER", "LIGHTLOOP_PASSWORD", "LIGHTLOOP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def shell_after(text: str, **environment: str) -> dict[str, str]:
    """The variables of a shell that has evaluated some lines."""
    done = subprocess.run(
        [
            "bash",
            "-c",
            'eval "$LINES_OF_ENV"; python3 -c "import json, os; print(json.dumps(dict(os.environ)))"',
        ],
        env={"PATH": "/usr/bin:/bin", "LINES_OF_ENV": text, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_a_shell_gets_addresses_and_login_and_loses_its_proxies(home: Home) -> None:
    credentials = home.credentials()

    printed = CliRunner().invoke(app, ["env"])

    assert printed.exit_code == 0
    found = shell_after(printed.stdout, HTTP_PROXY=PROXY, all_proxy=PROXY)
    assert found["PREFECT_API_AUTH_STRING"] == f"{credentials.user}:{credentials.password}"
    assert found["MLFLOW_TRACKING_PASSWORD"] == credentials.password
    assert found["PREFECT_API_URL"].endswith("/api")
    assert not {"HTTP_PROXY", "all_proxy"} & found.keys()


def test_a_proxy_that_is_to_be_kept_stays_and_is_not_for_this_machine(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.credentials()
    monkeypatch.setenv("LIGHTLOOP_KEEP_PROXY", "1")
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "intranet")

    printed = CliRunner().invoke(app, ["env"])

    found = shell_after(printed.stdout, HTTPS_PROXY=PROXY, NO_PROXY="intranet")
    assert found["HTTPS_PROXY"] == PROXY
    assert set(found["NO_PROXY"].split(",")) >= {"intranet", "127.0.0.1", "localhost"}


def test_where_nothing_was_started_it_says_so_and_makes_nothing(home: Home) -> None:
    done = CliRunner().invoke(app, ["env"])

    assert isinstance(done.exception, Refusal)
    assert "nothing was ever started" in str(done.exception)
    assert not home.root.exists()
