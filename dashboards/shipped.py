"""What is installed with aimon to be used by others: dashboards for Grafana, a configuration for Alertmanager.

Nothing of Grafana's SDK is needed to read it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "zh")
CURRENCIES: Final = ("CNY", "USD")


def read(language: str, currency: str) -> dict[str, str]:
    """The JSON of each dashboard by file name.

    Args:
        language: one of LANGUAGES.
        currency: one of CURRENCIES: that which costs are counted in.

    Raises:
        ValueError: there are none in that language or currency.
    """
    if language not in LANGUAGES:
        raise ValueError(f"there are no dashboards in {language!r}: write {' or '.join(LANGUAGES)}")
    if currency not in CURRENCIES:
        raise ValueError(f"there are no dashboards in {currency!r}: write {' or '.join(CURRENCIES)}")
    folder = files("aimon.dashboards") / "grafana" / language / currency.lower()
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".json")}
    return dict(sorted(found.items()))


def alertmanager_files() -> dict[str, str]:
    """Alertmanager's configuration and the templates of its notifications, by path below the configuration's folder."""
    folder = files("aimon.dashboards") / "alertmanager"
    template = "templates/aimon.tmpl"
    configuration = (folder / "alertmanager.yml").read_text(encoding="utf-8")
    return {
        # Alertmanager looks for what is relative beside the file itself.
        "alertmanager.yml": configuration.replace("/etc/alertmanager/templates/", "templates/"),
        template: (folder / template).read_text(encoding="utf-8"),
    }
