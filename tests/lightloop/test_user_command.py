"""``lightloop user`` and ``lightloop trail``: who may do what, and who changed it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from configs.home import Home
from controlplane.auth import bearer_header
from lightloop.main import app
from lightloop.output import Refusal
from lightloop.running import running_credentials


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path))
    monkeypatch.setattr("controlplane.users.MEMORY_KIB", 64)
    for name in ("USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"LIGHTLOOP_{name}", raising=False)
    return Home(tmp_path)


def run(*words: str, said: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=said)


def test_users_come_and_go_and_the_trail_tells(home: Home) -> None:
    assert run("user", "add", "ada", "--role", "operator", said="a long password\n").exit_code == 0
    assert run("user", "add", "ada", "--role", "reader", said="a long password\n").exit_code == 1
    assert run("user", "add", "bob", "--role", "king", said="a long password\n").exit_code == 2
    listed = json.loads(run("user", "list", "--json").stdout)["users"]
    assert [(user["name"], user["role"]) for user in listed] == [
        ("admin", "administrator"),
        ("ada", "operator"),
    ]
    assert run("user", "password", "ada", said="another one\n").exit_code == 0
    assert run("user", "remove", "ada").exit_code == 0
    assert run("user", "remove", "admin").exit_code == 1
    assert len(json.loads(run("user", "list", "--json").stdout)["users"]) == 1

    entries = json.loads(run("trail", "--json").stdout)["entries"]
    assert [(entry["what"], entry["about"], entry["outcome"]) for entry in entries] == [
        ("user add ada", "operator", "done"),
        ("user add ada", "reader", "refused"),
        ("user password ada", "", "done"),
        ("user remove ada", "", "done"),
        ("user remove admin", "", "refused"),
    ]
    assert json.loads(run("trail", "--json", "--since", "2999-01-01").stdout)["entries"] == []
    assert "user remove ada" in run("trail").stdout
    told = "".join(path.read_text() for path in home.trail.iterdir())
    assert "password\n" not in told
    assert "long" not in told


def test_a_command_may_act_as_a_user(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refusal, match="nothing was ever started"):
        running_credentials()
    monkeypatch.setenv("LIGHTLOOP_USER", "ada")
    monkeypatch.setenv("LIGHTLOOP_PASSWORD", "a long password")
    assert running_credentials().user == "ada"
    login = base64.b64encode(b"ada:a long password").decode()
    assert bearer_header(running_credentials()) == {"Authorization": f"Basic {login}"}
    assert not (home.root / "secrets.env").exists()
