"""One running installation for every chapter of the story: started once, stopped at the end of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from configs.home import Home
from configs.load import load_config
from tests.story.stack import SMALL, ProxyTrap, Stack, as_options, clean_environment, port_overrides, stop


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = Home(tmp_path_factory.mktemp("lightloop-home"))
    trap = ProxyTrap()  # everything is started and asked from a shell that has a proxy set
    environment = clean_environment(home) | trap.environment()
    overrides = [*port_overrides(), *SMALL]
    try:
        built = Stack(home, load_config("five-node", overrides), environment, trap)
        done = built.lightloop("up", "--scenario", "five-node", *as_options(overrides), "--json")
        assert done.returncode == 0, done.stderr
        yield built
    finally:
        stop(environment)
