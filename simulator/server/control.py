"""The control endpoints below /_sim: faults, configuration, truth."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aimon.simulator.model.faults import Rule, rule_from_mapping
from aimon.simulator.model.profile import Profile, SettingError, known
from aimon.simulator.options import rule_from_text

if TYPE_CHECKING:
    from aimon.simulator.world.world import World

_LONGEST_WAIT = 60.0

Endpoint = Callable[[Request], Awaitable[Response]]


def control_routes(world: World) -> list[Route]:
    """The routes of the control endpoints."""
    return [
        Route("/health", _health(world)),
        Route("/faults", _faults(world), methods=["GET", "POST", "DELETE"]),
        Route("/config", _config(world), methods=["GET", "POST"]),
        Route("/truth", _truth(world)),
        Route("/record/{request_id}", _record(world)),
        Route("/reset", _reset(world), methods=["POST"]),
    ]


def _checked(endpoint: Endpoint) -> Endpoint:
    """Answers an invalid setting with 400 and its message."""

    async def checked(request: Request) -> Response:
        try:
            return await endpoint(request)
        except SettingError as error:
            return JSONResponse({"error": str(error)}, 400)

    return checked


def _health(world: World) -> Endpoint:
    async def health(request: Request) -> Response:
        del request
        return JSONResponse({"status": "ok", "profiles": list(world.providers)})

    return health


def _faults(world: World) -> Endpoint:
    @_checked
    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            world.set_faults([])
        elif request.method == "POST":
            rules, add = _rules(await _json(request))
            world.set_faults(rules, add=add)
        return JSONResponse({"rules": world.faults.as_dicts()})

    return faults


def _rules(body: Any) -> tuple[list[Rule], bool]:
    """One rule, a list of them, or {"rules": [...], "mode": "add"}; a rule is an object or a string."""
    add = False
    if isinstance(body, Mapping) and "rules" in body:
        for name in body:
            known(name, ("rules", "mode"), "faults")
        mode = body.get("mode", "replace")
        if mode not in ("add", "replace"):
            raise SettingError(f"mode: {mode!r} is not one of add, replace")
        add, body = mode == "add", body["rules"]
    rules = body if isinstance(body, list) else [body]
    return [rule_from_text(rule) if isinstance(rule, str) else rule_from_mapping(rule) for rule in rules], add


def _config(world: World) -> Endpoint:
    @_checked
    async def config(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({name: _shown(p.profile) for name, p in world.providers.items()})
        body = await _json(request)
        if not isinstance(body, Mapping) or not isinstance(body.get("profile"), str):
            raise SettingError('config: must be an object such as {"profile": "slow", "ttft": 0.1}')
        changes = {name: value for name, value in body.items() if name != "profile"}
        return JSONResponse(_shown(world.configure(body["profile"], changes)))

    return config


def _shown(profile: Profile) -> dict[str, Any]:
    """A profile as JSON values, without its key."""
    return asdict(profile) | {"key": None if profile.key is None else "****", "service_time": profile.service_time}


def _truth(world: World) -> Endpoint:
    @_checked
    async def truth(request: Request) -> Response:
        query = request.query_params
        for name in query:
            known(name, ("reset", "limit", "profile", "wait"), "truth")
        limit = int(_number(query["limit"], "limit")) if "limit" in query else None
        if "profile" in query:
            known(query["profile"], tuple(world.providers), "profile")
        snapshot = await world.truth(
            wait=_wait(request), reset="reset" in query, limit=limit, profile=query.get("profile")
        )
        return JSONResponse(snapshot.as_dict())

    return truth


def _record(world: World) -> Endpoint:
    @_checked
    async def record(request: Request) -> Response:
        request_id = request.path_params["request_id"]
        found = await world.record(request_id, wait=_wait(request))
        if found is None:
            return JSONResponse({"error": f"no ended request {request_id} in the records"}, 404)
        return JSONResponse(asdict(found))

    return record


def _reset(world: World) -> Endpoint:
    async def reset(request: Request) -> Response:
        del request
        world.reset()
        return JSONResponse({"status": "ok"})

    return reset


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise SettingError(f"the body is not JSON: {error}") from error


def _wait(request: Request) -> float:
    return min(_number(request.query_params.get("wait", "0"), "wait"), _LONGEST_WAIT)


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise SettingError(f"{name}: must be a number of at least 0, not {text!r}")
    return value
