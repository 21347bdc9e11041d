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
        currency: one of CURRENCIES: the currency of costs.

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


def alerting_files() -> dict[str, str]:
    """Alertmanager's configuration, the templates of its notifications, and the page that alerts link to.

    By path below the folder that they are written to.
    """
    folder = files("aimon.dashboards") / "alertmanager"
    runbook = files("aimon.dashboards") / "prometheus" / "assets" / "runbook.html"
    template = "templates/aimon.tmpl"
    configuration = (folder / "alertmanager.yml").read_text(encoding="utf-8")
    return {
        # Alertmanager looks for what is relative beside the file itself.
        "alertmanager.yml": configuration.replace("/etc/alertmanager/templates/", "templates/"),
        template: (folder / template).read_text(encoding="utf-8"),
        "assets/runbook.html": runbook.read_text(encoding="utf-8"),
    }
