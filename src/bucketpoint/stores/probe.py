"""Finding out whether a store honours conditions, before anything is entrusted to it.

Some S3-compatible stores, and proxies in front of others, ignore the conditions of a write: they
answer as if it had been checked, and two writers overwrite each other unnoticed. The only way to
know is to try.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import TIMEOUT_MAX, Lock

from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreConfigurationError,
    StoreUnavailableError,
    UnsupportedStoreError,
)
from bucketpoint.stores.contract import Condition, IfAbsent, IfVersion, Store, Version
from bucketpoint.stores.time_limit import TimeLimit, no_time_left

__all__ = ["Findings", "Probe", "probe"]

_PACED_S = 1.1
"""Seconds between two writes to one key, once the store has asked for fewer."""

logger = logging.getLogger("bucketpoint")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a probe found out.

    Attributes:
        fault: How the store fails to honour the conditions of a put; None when it honours them.
        conditional_delete: It refused to delete an outdated version.
    """

    fault: str | None
    conditional_delete: bool = False


def probe(store: Store, *, beside: str, timeout: float | None = None) -> Findings:
    """Find out whether a store honours conditions, by writing where nobody looks.

    It takes eight requests on a random key in the same folder, which does not end as the keys of
    executions do, and removes what it wrote, on failure too where it can. Throttled, it begins again
    with a second between its writes. One request after the
    other cannot show whether conditions hold when writers race.

    Args:
        store: What to try.
        beside: A key; the rights of the credentials may be limited to its folder.
        timeout: Seconds it may take.

    Returns:
        What was found.

    Raises:
        StoreUnavailableError: The store did not answer; probe again later.
        OutcomeUnknownError: An answer was lost; probe again later.
        StoreConfigurationError: The store refused for another reason than a condition.

    Example:
        >>> from bucketpoint.stores.memory import MemoryStore
        >>> probe(MemoryStore(), beside="executions/run-42.json")
        Findings(fault=None, conditional_delete=True)
    """
    folder, limit = beside[: beside.rfind("/") + 1], TimeLimit(timeout)
    try:
        return _Trial(store, folder, limit).run()
    except (OutcomeUnknownError, StoreUnavailableError) as error:
        if not error.throttled:
            raise
    return _Trial(store, folder, limit, pause_s=_PACED_S).run()


class _Trial:
    """One probe: what it tries, and what it has to remove afterwards."""

    def __init__(
        self, store: Store, folder: str, limit: TimeLimit, *, pause_s: float = 0.0
    ) -> None:
        self._store = store
        self._pause_s = pause_s
        self._key = f"{folder}bucketpoint-probe-{secrets.token_hex(12)}"
        self._absent = f"{self._key}-absent"
        self._limit = limit
        self._written: set[str] = set()

    def run(self) -> Findings:
        """Find out, and remove what was written."""
        try:
            return self._findings()
        finally:
            self._clean_up()

    def _findings(self) -> Findings:
        first = self._put(self._key, IfAbsent())
        if first is None:
            return Findings("it refused to create an object that did not exist")
        if self._put(self._key, IfAbsent()) is not None:
            return Findings("it ignored If-None-Match, and created an object over another")
        second = self._put(self._key, IfVersion(first))
        if second is None:
            return Findings("it refused to write over the version that it had just returned")
        if self._put(self._key, IfVersion(first)) is not None:
            return Findings("it ignored If-Match, and wrote over a newer version")
        if self._put(self._absent, IfVersion(second)) is not None:
            return Findings("it ignored If-Match where nothing was stored, and created an object")
        return Findings(None, conditional_delete=self._refuses_to_delete(first))

    def _put(self, key: str, when: Condition) -> Version | None:
        """Write other bytes than ever before; None when the store refused because of `when`."""
        body = f"bucketpoint probe {secrets.token_hex(12)}\n".encode()
        self._pause()
        left = self._limit.left(key)
        try:
            version = self._store.put(key, body, when=when, timeout=left)
        except PreconditionFailedError:
            return None
        except OutcomeUnknownError:
            self._written.add(key)
            raise
        self._written.add(key)
        return version

    def _pause(self) -> None:
        """Leave time between writes, of which some stores allow one a second to one name."""
        time.sleep(self._pause_s)

    def _refuses_to_delete(self, outdated: Version) -> bool:
        self._pause()
        left = self._limit.left(self._key)
        try:
            self._store.delete(self._key, when=IfVersion(outdated), timeout=left)
        except PreconditionFailedError:
            return True
        except StoreConfigurationError:
            return False  # deleting is denied or not possible: writing needs no more than this
        return False

    def _clean_up(self) -> None:
        for key in self._written:
            self._pause()
            try:
                stored = self._store.get(key, timeout=self._limit.left(key))
                if stored is not None:
                    when = IfVersion(stored.version)
                    self._store.delete(key, when=when, timeout=self._limit.left(key))
            except BucketpointError as error:
                logger.warning(
                    "%r, which was written to try whether conditions hold, could not be removed "
                    "(%s): remove it yourself",
                    key,
                    error.kind,
                )


_findings: dict[str, Findings] = {}
_locks: dict[tuple[int, str], Lock] = {}


class Probe:
    """Sees to it that a store is probed before its first write in this process.

    Stores of one URL share what was found; a forked process knows it, too. Until a probe has come
    to an end, each write begins with one.

    Args:
        store: The store, so that its writes do not ask for a probe again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._url = store.url

    @property
    def conditional_delete(self) -> bool:
        """Whether deletes can be conditional, as far as is known."""
        found = _findings.get(self._url)
        return found is None or found.conditional_delete

    def before_write(self, key: str, timeout: float | None) -> float | None:
        """Probe the store unless that was done; return the seconds that are left for the write.

        Args:
            key: What is to be written; it is not touched.
            timeout: Seconds that probe and write may take together.

        Raises:
            UnsupportedStoreError: The store does not honour conditions.
            StoreUnavailableError: The probe did not come to an end; nothing was written.
            StoreConfigurationError: The store refused the probe.
        """
        found = _findings.get(self._url)
        if found is None:
            limit = TimeLimit(timeout)
            with self._alone(key, limit), _without_unknowns(key):
                found = _findings.get(self._url)
                if found is None:
                    found = probe(self._store, beside=key, timeout=limit.left(key))
                    _findings[self._url] = found
            timeout = limit.left(key)
        if found.fault is not None:
            msg = (
                f"{self._url} does not honour conditional writes: {found.fault}. Nothing of yours "
                "was written, since writers would overwrite each other. Use a store, or a release "
                "of it, that honours them, and keep proxies from removing headers"
            )
            raise UnsupportedStoreError(msg, key=key)
        return timeout

    @contextmanager
    def _alone(self, key: str, limit: TimeLimit) -> Generator[None]:
        """Let one thread probe, and the others wait for what it finds."""
        # By process: a lock that another thread held at a fork is never freed in the child.
        lock = _locks.setdefault((os.getpid(), self._url), Lock())
        left = limit.left(key)
        if not lock.acquire(timeout=-1 if left is None else min(left, TIMEOUT_MAX)):
            raise no_time_left(key)
        try:
            yield
        finally:
            lock.release()


@contextmanager
def _without_unknowns(key: str) -> Generator[None]:
    """Turn what a probe fails with into what it means for the write that it comes before."""
    try:
        yield
    except (OutcomeUnknownError, StoreUnavailableError) as error:
        msg = (
            f"{key!r} was not written: finding out whether the store honours conditions failed "
            f"({error}); call again"
        )
        raise StoreUnavailableError(msg, key=key, throttled=error.throttled) from error
    except AccessDeniedError as error:
        msg = (
            f"{key!r} was not written: {error}. Before its first write the library tries on a key "
            "in the same folder whether the store honours conditions: allow that, or make the "
            "store with probe=False if you know that it does"
        )
        raise AccessDeniedError(msg, key=key) from error
