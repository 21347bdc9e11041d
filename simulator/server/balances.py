"""The account's balance, in the shapes of the providers; its paths are below the origin, not below a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response

    from aimon.simulator.model.profile import Profile


def _deepseek(balance: float) -> Any:
    info = {"currency": "CNY", "total_balance": f"{balance:.2f}", "granted_balance": "0.00"}
    return {"is_available": balance > 0, "balance_infos": [info | {"topped_up_balance": f"{balance:.2f}"}]}


def _moonshot(balance: float) -> Any:
    data = {"available_balance": balance, "voucher_balance": 0.0, "cash_balance": balance}
    return {"code": 0, "data": data, "scode": "0x0", "status": True}


def _siliconflow(balance: float) -> Any:
    data = {"balance": "0.00", "chargeBalance": f"{balance:.2f}", "totalBalance": f"{balance:.2f}", "status": "normal"}
    return {"code": 20000, "message": "OK", "status": True, "data": data}


def _openrouter(balance: float) -> Any:
    return {"data": {"total_credits": balance + 25.75, "total_usage": 25.75}}


SHAPES: Mapping[str, Callable[[float], Any]] = {
    "/user/balance": _deepseek,
    "/v1/users/me/balance": _moonshot,
    "/v1/user/info": _siliconflow,
    "/api/v1/credits": _openrouter,
}


def answer(profile: Profile, path: str, authorization: str) -> Response:
    """The provider's answer; 401 for a wrong key, 404 without a balance."""
    if profile.key is not None and authorization != f"Bearer {profile.key}":
        return JSONResponse({"error": {"message": "invalid api key"}}, 401)
    if profile.balance is None:
        return JSONResponse({"error": {"message": "not found"}}, 404)
    return JSONResponse(SHAPES[path](profile.balance))
