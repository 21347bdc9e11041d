"""What a load test changes in the requests of its endpoint: headers, body, time limit, length of answers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from aimon.call.call import Timeouts
from aimon.config.model.values.secret_values import is_sensitive
from aimon.config.yaml import variables
from aimon.dialects import exact_output
from aimon.security import credentials
from aimon.security.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.config.endpoint import Endpoint


class RequestOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Laid over the endpoint of a load test. Holds no secrets: variables of headers are not expanded here.

    Attributes:
        headers: added to each request; `${NAME}` stands for an environment variable.
        extra_body: fields added to each JSON body.
        timeout: seconds until the end of an answer; None leaves the endpoint's limits.
        exact_output: the server is made to write exactly as many tokens as the limit.
    """

    headers: dict[str, str] = {}
    extra_body: dict[str, Any] = {}
    timeout: float | None = None
    exact_output: bool = False

    def applied(self, endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> Endpoint:
        """The endpoint with these options.

        Raises:
            ValueError: a variable is not set, or the endpoint's server has no such option; names it.
        """
        target = endpoint.target
        if self.exact_output:
            try:
                exact_output.check(target)
            except ValueError as error:
                raise ValueError(f"--exact-output: {error}") from None
        if self.extra_body and target.dialect == "openai-models":
            raise ValueError("--extra-body: the list of models is asked for without a body: leave it out")
        headers, secrets = self._headers(environ)
        every = tuple(dict.fromkeys([*target.secrets, *secrets]))
        given = {name.lower() for name in headers}
        target = replace(
            target,
            headers={name: value for name, value in target.headers.items() if name.lower() not in given} | headers,
            quirks=replace(target.quirks, extra_body={**target.quirks.extra_body, **self.extra_body}),
            secrets=every,
        )
        return replace(
            endpoint,
            target=target,
            timeouts=self._timeouts(endpoint.timeouts),
            exact_output=self.exact_output,
            secrets=(*endpoint.secrets, *secrets),
        )

    def _headers(self, environ: Mapping[str, str]) -> tuple[dict[str, str], list[Secret]]:
        headers, secrets = {}, []
        for name, template in self.headers.items():
            try:
                headers[name] = variables.expand(template, environ, credentials.trimmed)
            except ValueError as error:
                raise ValueError(f"--header {name}: {error}") from None
            if is_sensitive(name):
                found = (credentials.trimmed(environ.get(each, "")) for each in variables.names(template))
                secrets += [Secret(value) for value in found if value]
        return headers, secrets

    def _timeouts(self, limits: Timeouts) -> Timeouts:
        if self.timeout is None:
            return limits
        return Timeouts(min(limits.connect, self.timeout), min(limits.ttft, self.timeout), self.timeout)
