"""The Terraform that would make a bucket for a URL."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

from bucketpoint.cli.doctor.settings import options_of
from bucketpoint.errors import InvalidInputError

__all__ = ["module_call"]

_MODULES = {"s3": "aws-checkpoint-bucket", "gs": "gcp-checkpoint-bucket"}
_CLONE = "./bucketpoint"


def module_call(url: str) -> str:
    """Return the call of the module in infra/ that makes the bucket which a URL names.

    Args:
        url: Of S3 or Google Cloud Storage, with a prefix.

    Raises:
        InvalidInputError: It is another URL.
    """
    parts = urlsplit(url)
    module = _MODULES.get(parts.scheme)
    if module is None or not parts.netloc:
        msg = "Terraform makes buckets: give the URL of one, such as s3://my-bucket/checkpoints"
        raise InvalidInputError(msg)
    prefix = unquote(parts.path).strip("/")
    if not prefix:
        msg = (
            f"the module's rights are for a prefix: add one, such as {url.rstrip('/')}/checkpoints"
        )
        raise InvalidInputError(msg)
    arguments = {"bucket_name": unquote(parts.netloc), "prefix": prefix}
    options = options_of(url)
    if "kms_key" in options:
        arguments["kms_key"] = options["kms_key"]
    if parts.scheme == "gs":
        arguments["project"] = options.get("project", "MY-PROJECT")
        arguments["location"] = "MY-REGION"
    return _written(module, arguments)


def _written(module: str, arguments: dict[str, str]) -> str:
    width = max(map(len, [*arguments, "source"]))
    lines = [
        f"  {name:{width}} = {_quoted(value)}"
        for name, value in {"source": f"{_CLONE}/infra/modules/{module}", **arguments}.items()
    ]
    lines[0] += " # a clone of bucketpoint's repository"
    call = "\n".join(['module "checkpoints" {', *lines, "}"])
    return f'{call}\n\noutput "store_url" {{\n  value = module.checkpoints.store_url\n}}'


def _quoted(value: str) -> str:
    """Write a text as Terraform does, in which nothing is an expression."""
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
