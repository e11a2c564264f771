"""The commands ``lightloop user``: who may use the installation, in which role."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable
from getpass import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from configs.home import Home
from controlplane.roles import Role
from lightloop.output import JsonFlag, Refusal, emit

if TYPE_CHECKING:
    from controlplane.users import UserFile

Name = Annotated[str, typer.Argument(help="Name of the user.")]


def register(app: typer.Typer) -> None:
    """Hang the commands onto the tree."""
    group = typer.Typer(help="Users of the installation and their roles (docs/access.md).")
    group.command("add")(add)
    group.command("list")(list_users)
    group.command("password")(password)
    group.command("remove")(remove)
    app.add_typer(group, name="user")


def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What the user may do; each role may what those before it may.")],
    as_json: JsonFlag = False,
) -> None:
    """Add a user. The password is asked for, or read from standard input: its first line.

    Examples:
      lightloop user add ada --role operator
    """
    home, file = _users()
    secret = _password(name)
    _noted(home, f"user add {name}", lambda: file.add(name, role, secret), role)
    emit({"name": name, "role": role}, as_json, lambda out: out.print(f"{name} is {role} from now on"))


def list_users(as_json: JsonFlag = False) -> None:
    """Show users with their roles, the installation's own first."""
    home, file = _users()
    own = home.credentials().user
    users = [{"name": own, "role": Role.ADMINISTRATOR.value, "own": True}]
    users += [{"name": user.name, "role": user.role.value, "own": False} for user in file.users()]
    table = Table("user", "role", "", box=None, pad_edge=False)
    for user in users:
        note = "the installation's own, in secrets.env" if user["own"] else ""
        table.add_row(str(user["name"]), str(user["role"]), f"[dim]{note}[/]")
    emit({"users": users}, as_json, lambda out: out.print(table))


def password(name: Name) -> None:
    """Give a user another password; the old one is refused at once."""
    home, file = _users()
    secret = _password(name)
    _noted(home, f"user password {name}", lambda: file.set_password(name, secret))
    typer.echo(f"{name} has another password from now on")


def remove(name: Name) -> None:
    """Remove a user, who is refused at once by every running process."""
    home, file = _users()
    _noted(home, f"user remove {name}", lambda: file.remove(name))
    typer.echo(f"{name} is removed")


def _users() -> tuple[Home, UserFile]:
    from controlplane.users import UserFile

    home = Home.from_environment()
    return home, UserFile(home.users, home.credentials().user)


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass(f"Password of {name}: ")
    if getpass("Once more: ") != first:
        raise Refusal("the two passwords differ; nothing is changed")
    return first


def _noted(home: Home, what: str, change: Callable[[], None], about: str = "") -> None:
    """Make a change and append it to the trail."""
    from controlplane.trail import Trail
    from controlplane.users import UserError

    trail, who = Trail(home.trail, "command"), pwd.getpwuid(os.getuid()).pw_name
    try:
        change()
    except UserError:
        trail.note(who, "local", "local", what, "refused", about)
        raise
    trail.note(who, "local", "local", what, "done", about)
