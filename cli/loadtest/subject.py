"""What a load test is about: one endpoint and its prompts, or a scenario and the endpoints that it calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from aimon.cli.endpoints import Flags, load, select
from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadtest import scenarios

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.cli.loadtest.options import EndpointOptions, LoadOptions
    from aimon.config import Config, LoadTestOptions
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.plan import Scenario
    from aimon.probes.selection import Selection


@dataclass(frozen=True, slots=True)
class Subject:
    """What a load test is about.

    Attributes:
        options: of the file and the command line.
        selection: its one endpoint. Of a scenario with several, it stands for all of them: in the view and in metrics.
        scenario: Locust users that make the calls; None: the endpoint's prompts.
        configuration: of the endpoint, or of all that the scenario may call, as data; None where there is none.
    """

    options: LoadTestOptions
    selection: Selection
    scenario: Scenario | None
    configuration: dict[str, Any] | None


def find(where: EndpointOptions, given: LoadOptions) -> Subject:
    """What the command line says, with the load test of that name in the file.

    Raises:
        Stop: it does not fit together, or there is no such thing; says what to write instead.
    """
    flags = Flags(where.preset, where.dialect, where.base_url, where.model, where.api_key_env)
    written, names = scenarios.split(where.names or [], given.scenario)
    loaded = _load(where.config, flags, needed=written is None or bool(names) or where.config is not None)
    test = None if loaded is None or len(names) != 1 or flags.given else loaded.loadtests.get(names[0])
    if test is not None and test.endpoint is not None:
        names = [test.endpoint]
    options = _options(test, given, written)
    if options.scenario is None:
        if loaded is None:
            loaded = load(where.config, flags)
        return _of_prompts(options, names, where.config, flags, loaded)
    return _of_scenario(options, names, where.config, flags, loaded)


def _load(path: Path | None, flags: Flags, *, needed: bool) -> Config | None:
    """The configuration; None where there is none and nothing needs one."""
    from aimon import config

    if not needed and not flags.given and config.find(None) is None:
        return None
    return load(path, flags)


def _options(test: LoadTestOptions | None, given: LoadOptions, scenario: str | None) -> LoadTestOptions:
    from aimon.config import LoadTestOptions, override

    texts = given.given
    if scenario is not None:
        texts["scenario"] = scenario
    try:
        return override(test or LoadTestOptions(), texts)
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error


def _of_prompts(options: LoadTestOptions, names: list[str], path: Path | None, flags: Flags, loaded: Config) -> Subject:
    from aimon.cli.loadtest.plan import with_request
    from aimon.config import to_data

    if len(names) > 1:
        raise Stop(USAGE, f"a load test of prompts is for one endpoint, not for {', '.join(names)}: name one of them")
    selection = select(names, path, flags, loaded=loaded)
    if len(selection.endpoints) > 1:
        known = ", ".join(each.name for each in selection.endpoints)
        raise Stop(USAGE, f"a load test is for one endpoint: name one of {known}")
    endpoint = selection.endpoints[0]
    selection = replace(selection, endpoints=(with_request(endpoint, options),))
    return Subject(options, selection, None, to_data(loaded, endpoint.name))


def _of_scenario(
    options: LoadTestOptions, names: list[str], path: Path | None, flags: Flags, loaded: Config | None
) -> Subject:
    from aimon.config import to_data
    from aimon.pricing import PriceBook
    from aimon.probes.selection import Selection

    assert options.scenario is not None  # noqa: S101 - as it is called
    scenario = scenarios.scenario_of(options.scenario, options, names)
    if loaded is None:
        endpoint = _stand_in(scenario.title, ())
        empty = Selection((endpoint,), endpoint.region, "USD", PriceBook(), None, whole=False)
        return Subject(options, empty, scenario, None)
    # Endpoints that the scenario does not call may lack their keys.
    selection = select(names, path, flags, lenient=not names, loaded=loaded)
    if len(selection.endpoints) > 1:
        selection = replace(selection, endpoints=(_stand_in(scenario.title, selection.endpoints),))
    return Subject(options, selection, scenario, to_data(loaded, None))


def _stand_in(title: str, endpoints: tuple[Endpoint, ...]) -> Endpoint:
    """What stands for several endpoints: the scenario, with the secrets of all of them."""
    from aimon.call.call import Target
    from aimon.config.endpoint import Endpoint

    secrets = tuple(secret for endpoint in endpoints for secret in endpoint.secrets)
    target = Target(title, "scenario", "openai-chat", "", "")
    endpoint = Endpoint(target, (), secrets=secrets)
    return replace(endpoint, region=endpoints[0].region) if endpoints else endpoint
