"""An account of AWS on loopback: moto, with a guard in front that lets policies be obeyed.

moto asks a bucket's policy without its conditions, and nobody's own policy. It tells everybody what is
not there. It also forgets part of two documents that Terraform reads back. The guard does all that
instead of it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

from moto.moto_server.werkzeug_app import (  # pyright: ignore[reportMissingTypeStubs]
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests.infra.aws.policies import Asked, Decision, Policy, decide
from tests.infra.aws.requests import S3Request

__all__ = ["ADMINISTRATOR", "Account", "Judged", "running_account"]

ADMINISTRATOR = "administrator"
"""Who may do everything that no bucket's policy denies."""

_HOST = "127.0.0.1"
_REGION = "eu-west-1"
_ALL = Policy(({"Effect": "Allow", "Action": "*", "Resource": "*"},))

# What moto gives back otherwise than it got it: 5.2.5 drops NewerNoncurrentVersions of a lifecycle,
# so that Terraform waits for it in vain, and EventBridge of a notification, so that it drifts.
_KEPT_WORD_FOR_WORD = ("lifecycle", "notification")

_Environ = dict[str, Any]
_Headers = list[tuple[str, str]]
_App = Callable[[_Environ, Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Judged:
    """A right that somebody asked for, and the answer."""

    principal: str
    asked: Asked
    decision: Decision


class Account:
    """A WSGI application that decides on each request to S3, and hands what is allowed to moto.

    Attributes:
        judged: What was decided so far.
        endpoint_url: Where it is served.
    """

    def __init__(self, moto: _App) -> None:
        self.judged: list[Judged] = []
        self.endpoint_url = ""
        self._moto = moto
        self._identities = {ADMINISTRATOR: _ALL}
        self._bucket_policies: dict[str, bytes] = {}
        self._kept: dict[tuple[str, str], bytes] = {}

    def let(self, principal: str, policy: str) -> None:
        """Give somebody a policy; their access key is their name."""
        self._identities[principal] = Policy.parse(policy)

    def environment(self, principal: str = ADMINISTRATOR) -> dict[str, str]:
        """Return what makes a program somebody's."""
        return {
            "AWS_ACCESS_KEY_ID": principal,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_REGION": _REGION,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str = "s3", principal: str = ADMINISTRATOR) -> Any:
        """Return a client of somebody's."""
        return import_module("boto3").client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=_REGION,
            aws_access_key_id=principal,
            aws_secret_access_key="test",  # noqa: S106 - moto checks none
        )

    def asked_by(self, principal: str) -> list[Judged]:
        """Return what was decided on somebody's requests."""
        return [judged for judged in self.judged if judged.principal == principal]

    # --- serving --------------------------------------------------------------------------------

    def __call__(self, environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        principal, service = _sender(environ.get("HTTP_AUTHORIZATION", ""))
        if service != "s3":
            return self._moto(environ, start_response)
        request = _request(environ, principal)
        if not self._is_allowed(request, principal):
            return _answer(start_response, "403 Forbidden", _ACCESS_DENIED)
        if "policy" in request.query:
            return self._policy(request, environ, start_response)
        if request.key and not self._may_list_all(request, principal):
            return self._told_of_nothing(environ, start_response)
        return self._word_for_word(request, environ, start_response)

    def _policies(self, request: S3Request, principal: str) -> list[Policy]:
        policies = [self._identities[principal]]
        if request.bucket in self._bucket_policies:
            policies.append(Policy.parse(self._bucket_policies[request.bucket].decode()))
        return policies

    def _may_list_all(self, request: S3Request, principal: str) -> bool:
        whole = Asked("s3:ListBucket", f"arn:aws:s3:::{request.bucket}")
        return decide(whole, *self._policies(request, principal)) is Decision.ALLOWED

    def _told_of_nothing(
        self, environ: _Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Deny what is not there, as S3 does to whoever may not list the bucket."""
        answer: list[Any] = []
        body = b"".join(self._moto(environ, lambda *start: answer.extend(start)))
        if answer[0].startswith("404"):
            return _answer(start_response, "403 Forbidden", _ACCESS_DENIED)
        start_response(*answer)
        return [body]

    def _is_allowed(self, request: S3Request, principal: str) -> bool:
        policies = self._policies(request, principal)
        try:
            rights = list(request.rights())
        except ValueError:
            # What sets a bucket up: no policy of the module's is about that.
            return principal == ADMINISTRATOR
        decisions = [Judged(principal, asked, decide(asked, *policies)) for asked in rights]
        self.judged += decisions
        return all(judged.decision is Decision.ALLOWED for judged in decisions)

    def _policy(
        self, request: S3Request, environ: _Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Keep the bucket's policy from moto, which would read it without its conditions."""
        match request.method:
            case "PUT":
                self._bucket_policies[request.bucket] = _body(environ)
                return _answer(start_response, "204 No Content", b"")
            case "DELETE":
                self._bucket_policies.pop(request.bucket, None)
                return _answer(start_response, "204 No Content", b"")
            case _ if request.bucket in self._bucket_policies:
                policy = self._bucket_policies[request.bucket]
                return _answer(start_response, "200 OK", policy, "application/json")
            case _:
                return self._moto(environ, start_response)

    def _word_for_word(
        self, request: S3Request, environ: _Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        document = next((word for word in _KEPT_WORD_FOR_WORD if word in request.query), None)
        if document is None or request.method not in {"GET", "PUT"}:
            return self._moto(environ, start_response)
        name = (request.bucket, document)
        if request.method == "PUT":
            self._kept[name] = _body(environ)
            return self._moto(environ, start_response)
        kept = self._kept.get(name)

        def start(status: str, headers: _Headers, *rest: object) -> Any:
            if kept is not None and status.startswith("200"):
                others = [header for header in headers if header[0].lower() != "content-length"]
                headers = [*others, ("Content-Length", str(len(kept)))]
            started.append(status)
            return start_response(status, headers, *rest)

        started: list[str] = []
        answered = b"".join(self._moto(environ, start))
        return [kept] if kept is not None and started[0].startswith("200") else [answered]


class _Quiet(MotoRequestHandler):
    """Keeps the requests of a test out of its output."""

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Log nothing."""


@contextmanager
def running_account() -> Generator[Account]:
    """Serve an account until the end of the block."""
    account = Account(DomainDispatcherApplication(create_backend_app))
    server = make_server(_HOST, 0, account, threaded=True, request_handler=_Quiet)
    account.endpoint_url = f"http://{_HOST}:{server.server_port}"
    thread = Thread(target=server.serve_forever, name="account", daemon=True)
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_ACCESS_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def _sender(authorization: str) -> tuple[str, str]:
    """Return who signed a request, and for which service."""
    _, _, credential = authorization.partition("Credential=")
    parts = credential.partition(",")[0].split("/")
    return (parts[0], parts[3]) if len(parts) == _SCOPE else (ADMINISTRATOR, "")


_SCOPE = 5
"""Parts of a credential: its ID, the date, the region, the service, and how it ends."""


def _request(environ: _Environ, principal: str) -> S3Request:
    return S3Request(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)),
        headers=_headers(environ),
        principal=f"arn:aws:iam::123456789012:role/{principal}",
    )


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    prefix = "HTTP_"
    return {
        name.removeprefix(prefix).lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith(prefix)
    }


def _body(environ: _Environ) -> bytes:
    """Read the body, and leave it to be read again."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _answer(
    start_response: Callable[..., Any], status: str, body: bytes, kind: str = "application/xml"
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
