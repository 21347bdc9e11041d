"""Expands an endpoint from outside the file: variables, key files, certificates.

Problems are collected and not raised, so that all of them are reported at once.
"""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from aimon.config.model import rules
from aimon.config.yaml import variables
from aimon.config.yaml.issues import LocatedIssue
from aimon.network import ca_files, proxy
from aimon.security import credentials
from aimon.security.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.config.model.config import EndpointSection
    from aimon.config.yaml.document import Document
    from aimon.config.yaml.issues import Path

# RFC 9110 §5.5, less obs-text.
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")


class EndpointExpander:
    """Expands the values of one endpoint.

    Attributes:
        problems: what is missing or unusable.
        secrets: what must never be shown.
        refused: whether the file itself is wrong too, so that setting a variable would not help.
    """

    def __init__(self, endpoint: EndpointSection, index: int, document: Document, environ: Mapping[str, str]) -> None:
        self.problems: list[LocatedIssue] = []
        self.secrets: list[Secret] = []
        self.refused = False
        self._endpoint = endpoint
        self._place: Path = ("endpoints", index)
        self._document = document
        self._environ = environ

    def text(self, template: str, *path: str, secret: bool = False, quotes: bool = False) -> str:
        """The text with its variables replaced; `path` is its place below the endpoint.

        Quotes around a variable's value are dropped, unless they may belong to it.
        """
        clean = credentials.trimmed if quotes else credentials.unquoted
        try:
            expanded = variables.expand(template, self._environ, clean)
        except variables.UnsetError as error:
            self._miss(error.name, *path)
            return ""
        except ValueError as error:
            self.complain(str(error), *path)
            return ""
        if secret:
            found = (clean(self._environ.get(name, "")) for name in variables.names(template))
            self.secrets += (Secret(value) for value in found if value)
        return expanded

    def texts(self, templates: Mapping[str, str], key: str) -> dict[str, str]:
        """A mapping with the variables of its values replaced."""
        return {
            name: self.text(value, key, name, secret=rules.is_sensitive(name), quotes=True)
            for name, value in templates.items()
        }

    def headers(self, templates: Mapping[str, str]) -> dict[str, str]:
        """Headers with the variables of their values replaced, each fit to be sent."""
        expanded = self.texts(templates, "headers")
        for name, value in expanded.items():
            if value and not _FIELD_VALUE.fullmatch(value):
                self.complain("holds line breaks or other characters that no header can carry", "headers", name)
        return expanded

    def optional(self, template: str | None, *path: str) -> str | None:
        """As `text`, where there may be none."""
        return None if template is None else self.text(template, *path)

    def proxy(self, template: str | None) -> str | None:
        """The proxy's URL, which is a secret as a whole if it comes from the environment."""
        if template is None:
            return None
        url = self.text(template, "proxy", secret=True)
        try:
            if url:
                proxy.parse(url, template)
        except ValueError as error:
            self.complain(str(error), "proxy")
        return url

    def ca_file(self, template: str | None) -> str | None:
        """The path of a certificate file that is there."""
        path = self.optional(template, "ca_file")
        if not path:
            return path
        try:
            if not FilePath(path).is_file():
                self.complain(f"there is no file {template}", "ca_file")
            else:
                ca_files.check_ca_file(path)
        except OSError as error:
            self.complain(f"{template} can't be read: {error.strerror}", "ca_file")
        except ValueError as error:
            self.complain(f"{template} {error}", "ca_file")
        return path

    def env_proxy(self, base_url: str) -> None:
        """Checks what the environment says of a proxy for a URL."""
        try:
            proxy.find(base_url, None, self._environ)
        except ValueError as error:
            self.problems.append(LocatedIssue(str(error)))

    def api_key(self) -> Secret | None:
        """The key: from the variable or file that the endpoint names, or else from the preset's own variable."""
        endpoint = self._endpoint
        try:
            if endpoint.api_key:
                (name,) = variables.names(endpoint.api_key)
                return self._key_from(name)
            if endpoint.api_key_file is not None:
                path = self.text(endpoint.api_key_file, "api_key_file")
                return self._keep(credentials.read_key(path, endpoint.api_key_file)) if path else None
            return self._usual_key()
        except ValueError as error:
            self.complain(str(error), "api_key_file" if endpoint.api_key_file is not None else "api_key")
            return None

    def complain(self, message: str, *path: str | int) -> None:
        """Notes a problem with a value of the endpoint."""
        self.problems.append(self._document.problem((*self._place, *path), message))

    def refuse(self, message: str, *path: str | int) -> None:
        """Notes a problem of the file itself."""
        self.refused = True
        self.complain(message, *path)

    def _usual_key(self) -> Secret | None:
        name = rules.usual_key(self._endpoint)
        if name is None or (not self._environ.get(name) and rules.may_be_keyless(self._endpoint)):
            return None
        return self._key_from(name)

    def _key_from(self, name: str) -> Secret | None:
        value = self._environ.get(name)
        if not value:
            self._miss(name, "api_key")
            return None
        return self._keep(credentials.key(value, name))

    def _keep(self, key: str) -> Secret:
        secret = Secret(key)
        self.secrets.append(secret)
        return secret

    def _miss(self, name: str, *path: str) -> None:
        state = "empty" if name in self._environ else "not set"
        way_out = ""
        if path == ("api_key",) and self._endpoint.api_key is None and self._document.file:
            way_out = ", or write api_key: null to send none"
        self.complain(
            f"{name} is {state}, and endpoint '{self._endpoint.name}' needs it: export {name}=…{way_out}", *path
        )
