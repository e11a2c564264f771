"""What the page takes from the configuration. Who may open it: tests/deployments/test_logins.py."""

from __future__ import annotations

import pytest

from configs.load import load_config
from controlplane.console.main import page_settings


def test_the_form_offers_the_configured_rates_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTLOOP_CONFIG", raising=False)
    settings = page_settings(load_config("latency-rsa", ["services.mlflow_port=5999"]))
    assert settings.bit_rates_gbps == (25, 50, 75, 100)
    assert settings.bounds_ms == (15, 30)
    assert settings.mlflow_url == "http://127.0.0.1:5999"
