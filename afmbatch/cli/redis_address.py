"""Checks AFMBATCH_REDIS_URL before a program starts. Nothing here repeats the URL, because it may hold a password."""

import re
from urllib.parse import urlsplit

from redis import ConnectionPool, Redis
from redis.exceptions import AuthenticationError, RedisError

from afmbatch.errors import CannotStart

_ACCEPTED = "redis://[user:password@]host[:port][/number], rediss://… for TLS, or unix:///path is accepted"
_PING_SECONDS = 2


def check_redis_url(url: str) -> None:
    """Raise CannotStart if redis-py cannot use a URL, or would misread it."""
    if reason := _refusal(url):
        raise CannotStart(f"AFMBATCH_REDIS_URL: {reason}; {_ACCEPTED}")


def check_redis_login(url: str) -> None:
    """Raise CannotStart if the server refuses the user or the password. A server that does not answer is no error."""
    try:
        with Redis.from_url(url, socket_connect_timeout=_PING_SECONDS, socket_timeout=_PING_SECONDS) as redis:
            redis.ping()
    except AuthenticationError as error:
        raise CannotStart(describe_redis_error(error)) from None
    except RedisError:
        return


def describe_redis_error(error: RedisError) -> str:
    """Return an error of Redis in words that name the variable."""
    if not isinstance(error, AuthenticationError):
        return f"AFMBATCH_REDIS_URL: Redis failed: {error}"
    if "HELLO" in str(error) or "required" in str(error):
        return "AFMBATCH_REDIS_URL: Redis requires a password, which the URL does not have"
    return "AFMBATCH_REDIS_URL: Redis does not accept the user name or the password of the URL"


def _refusal(url: str) -> str:
    """Return what is wrong with a URL; empty if nothing is."""
    scheme = url.partition("://")[0] if "://" in url else ""
    if not url:
        return "it is empty"
    if "sentinel" in scheme.lower():
        return "Sentinel is not supported, name the primary server or a proxy that follows it"
    if scheme not in ("redis", "rediss", "unix"):
        return "it does not begin with redis://, rediss:// or unix://"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None or parts.fragment:
        return (
            "it can't be read: its port is no number from 0 to 65535, or its password has a '#', '/', '?' or '@', "
            "which a URL has as %23, %2F, %3F or %40"
        )
    if scheme != "unix" and not re.fullmatch(r"/?\d*", parts.path):
        return "its path is not the number of a database"
    try:
        pool = ConnectionPool.from_url(url)
        pool.connection_class(**pool.connection_kwargs)
    except TypeError as error:
        name = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        return f"unknown option {name[1]}" if name else "its options can't be read"
    except (ValueError, RedisError):
        return "its options can't be read"
    return ""
