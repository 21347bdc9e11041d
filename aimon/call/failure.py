"""How a transport failed: an outcome, a message for people, and the exact reason for programs."""

from enum import StrEnum
from typing import NamedTuple

from aimon.call.outcome import Outcome


class FailureReason(StrEnum):
    """Why a connection, a TLS session or a proxy failed; the value is `failure_reason` in JSON.

    Both transports use these reasons. An outcome says who has to act, a reason says what went wrong: one outcome `tls`
    has a dozen reasons, and each asks for something else.
    """

    DNS_NOT_FOUND = "dns_not_found"  # no such name, or no address of the family that was asked for
    DNS_UNAVAILABLE = "dns_unavailable"  # the name server could not say
    DNS_TIMEOUT = "dns_timeout"
    DNS_FAILED = "dns_failed"

    REFUSED = "refused"
    RESET = "reset"  # of a connection attempt, or of a connection that was established
    UNREACHABLE = "unreachable"  # no route to the host or network
    CONNECT_TIMEOUT = "connect_timeout"  # no usable connection in time, TLS and a proxy's tunnel included
    CONNECT_FAILED = "connect_failed"
    LOCAL_LIMIT = "local_limit"  # this machine has no descriptor, port or memory left, or forbids the connection

    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_SELF_SIGNED = "certificate_self_signed"
    CERTIFICATE_PRIVATE_AUTHORITY = "certificate_private_authority"  # its chain ends in an authority not trusted here
    CERTIFICATE_UNKNOWN_ISSUER = "certificate_unknown_issuer"  # or an intermediate certificate is missing
    CERTIFICATE_HOST_MISMATCH = "certificate_host_mismatch"
    CERTIFICATE_INVALID = "certificate_invalid"  # any other fault of a certificate
    TLS_NOT_SPOKEN = "tls_not_spoken"  # the peer speaks another protocol on this port
    TLS_CLOSED = "tls_closed"  # the peer closed or reset the connection during the handshake
    TLS_HANDSHAKE = "tls_handshake"  # the handshake failed for another reason
    TLS_BROKEN = "tls_broken"  # an alert or broken records after the handshake

    PROXY_UNREACHABLE = "proxy_unreachable"  # its name has no address, or there is no connection to it
    PROXY_LOGIN_REQUIRED = "proxy_login_required"
    PROXY_LOGIN_REFUSED = "proxy_login_refused"
    PROXY_DENIED = "proxy_denied"  # it opens no tunnel to this host
    PROXY_FAILED = "proxy_failed"  # it speaks another protocol, breaks off, or says nothing in time

    CLOSED = "closed"  # the peer closed the connection before the answer was complete
    BROKEN = "broken"  # a network error other than a reset on an established connection
    NOT_HTTP = "not_http"


class Failure(NamedTuple):
    """What a transport reports of a call that it could not carry out.

    Attributes:
        outcome: of the call.
        message: for people.
        reason: for programs; None where the outcome says it all, such as a limit of time.
    """

    outcome: Outcome
    message: str
    reason: FailureReason | None = None
