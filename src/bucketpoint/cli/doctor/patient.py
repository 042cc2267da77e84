"""The store that is looked at, and everything that is written there to try it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from bucketpoint.cli.doctor.outcomes import UnseenError
from bucketpoint.cli.doctor.rights import Rights, Step
from bucketpoint.cli.doctor.settings import Settings
from bucketpoint.core.keys import executions_prefix, trim_prefix
from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    OutcomeUnknownError,
    PreconditionFailedError,
    RetentionPolicyError,
    StoreUnavailableError,
    UnsupportedError,
)
from bucketpoint.stores.contract import (
    Condition,
    IfAbsent,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    Store,
    StoredObject,
    Version,
)
from bucketpoint.stores.local import Clock, system_clock

__all__ = ["Leftovers", "Patient", "Written"]

_PAUSES_S: tuple[float | None, ...] = (1.1, 1.1, 2.2, 4.4, None)
"""Before each new attempt, for a store that takes a write a second to one object; then none."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: its bytes, and the version that the store gave them."""

    body: bytes
    version: Version


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What could not be removed.

    Attributes:
        objects: The keys that are still there, and why.
        versions: The keys of which versions may be kept, and why.
    """

    objects: dict[str, BucketpointError]
    versions: dict[str, BucketpointError]


class Patient:
    """A store under examination.

    It writes where checkpoints would lie, since rights may end there, under random keys that no
    execution has. What it wrote it remembers, to remove it in the end.

    Args:
        store: The store. One that probes itself would write more than it is asked to.
        scheme: Of its URL.
        prefix: Where checkpoints would lie.
        settings: What can be read of how the bucket is set up.
        clock: This machine's.

    Attributes:
        rights: What was allowed and denied so far.
        stop: Why nothing more is asked of the store; empty as long as it is.
        first: What was created.
        second: What was written over it.
        is_out_of_time: Every request is refused for this machine's clock.
        refused_credentials: What the credentials were refused with.
        skew: By how much the store's clock is ahead of this machine's; None before it was seen.
        locked: What a retention policy or hold refused.
    """

    def __init__(
        self,
        store: Store,
        *,
        scheme: str,
        prefix: str = "",
        settings: Settings | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.store = store
        self.scheme = scheme
        self.prefix = trim_prefix(prefix)
        self.folder = executions_prefix(self.prefix)
        self.settings = settings
        self.rights = Rights(scheme)
        self.stop = ""
        self.is_out_of_time = False
        self.refused_credentials: AccessDeniedError | None = None
        self.skew: timedelta | None = None
        self.locked: RetentionPolicyError | None = None
        self.key = self.new_key()
        self._first: Written | None = None
        self._second: Written | None = None
        self._clock = clock
        self._written: set[str] = set()
        self._keeps_versions = False

    def new_key(self) -> str:
        """Return a key that nothing is stored under, and that no listing takes for a run's."""
        return f"{self.folder}bucketpoint-doctor-{secrets.token_hex(12)}"

    @property
    def first(self) -> Written:
        """What was created; `UnseenError` when nothing could be."""
        return _done(self._first, "nothing could be created")

    @first.setter
    def first(self, written: Written) -> None:
        self._first = written

    @property
    def second(self) -> Written:
        """What was written over the first; `UnseenError` when nothing could be."""
        return _done(self._second, "nothing could be written over what was created")

    @second.setter
    def second(self, written: Written) -> None:
        self._second = written

    @property
    def latest(self) -> Written:
        """What was written last to the key of the trial."""
        return self._second or self.first

    def list_some(self, prefix: str, limit: int) -> list[ObjectInfo]:
        """List some objects."""
        with self.noting(Step.LIST):
            return self._patiently(lambda: [*self.store.list(prefix, limit=limit)])

    def read(self, key: str) -> StoredObject | None:
        """Read an object, and the store's clock with it."""
        with self.noting(Step.READ):
            before = self._clock()
            stored = self._patiently(lambda: self.store.get(key))
            after = self._clock()
        if stored is not None:
            self._keeps_versions |= stored.version_id is not None
            # A store tells whole seconds: its time was anything up to a second later.
            behind = stored.served_at + timedelta(seconds=1) - before
            ahead = stored.served_at - after
            self.skew = min(behind, timedelta()) or max(ahead, timedelta())
        return stored

    def write(self, key: str, when: Condition, *, patient: bool = True) -> Written | None:
        """Write other bytes than ever before; None when the store refused for the condition.

        A write whose answer was lost is looked for, and made again when it is not found.

        Args:
            key: A key of `new_key`.
            when: The condition.
            patient: Wait for a store that throttles, or whose answer was lost.
        """
        body = f"bucketpoint doctor {secrets.token_hex(12)}\n".encode()
        self._written.add(key)
        was_lost = False
        for pause in _PAUSES_S:
            try:
                with self.noting(Step.CREATE if isinstance(when, IfAbsent) else Step.UPDATE):
                    return Written(body, self.store.put(key, body, when=when))
            except PreconditionFailedError:
                return self._found(key, body) if was_lost else None
            except (OutcomeUnknownError, StoreUnavailableError) as error:
                if not patient or pause is None or not _passes(error):
                    raise
                was_lost |= isinstance(error, OutcomeUnknownError)
                time.sleep(pause)
                found = self._found(key, body) if was_lost else None
                if found is not None:
                    return found
        raise AssertionError  # the last pause is none, so the last attempt returned or raised

    def delete(self, key: str, version: Version) -> bool | None:
        """Delete one version of an object; None when the store refused for the condition."""
        try:
            with self.noting(Step.DELETE):
                return self._patiently(lambda: self.store.delete(key, when=IfVersion(version)))
        except PreconditionFailedError:
            return None

    def versions(self, key: str) -> list[ObjectVersion]:
        """Return the versions of an object, newest first."""
        with self.noting(Step.LIST_VERSIONS):
            return self._patiently(lambda: [*self.store.list_versions(key)])

    def read_version(self, key: str, version_id: str) -> StoredObject | None:
        """Read one version of an object."""
        with self.noting(Step.READ_VERSION):
            return self._patiently(lambda: self.store.get(key, version_id=version_id))

    def clean_up(self) -> Leftovers:
        """Remove all that was written, as far as the store lets it; once more does nothing."""
        keys, self._written = sorted(self._written), set()
        objects: dict[str, BucketpointError] = {}
        versions: dict[str, BucketpointError] = {}
        for key in keys:
            try:
                self._remove(key)
            except BucketpointError as error:
                objects[key] = error
        for key in keys if self.store.capabilities.versions else ():
            try:
                self._remove_versions(key)
            except UnsupportedError:
                break  # none are kept of any
            except BucketpointError as error:
                if self._keeps_versions:
                    versions[key] = error
        return Leftovers(objects, versions)

    def _remove(self, key: str) -> None:
        for _ in range(2):  # what was lost on its way may land in between
            stored = self.read(key)
            if stored is None or self.delete(key, stored.version):
                return

    def _remove_versions(self, key: str) -> None:
        # The oldest first, since the store does not remove the deletion that hides others.
        for version in reversed(self.versions(key)):
            if version.is_current:
                continue
            with self.noting(Step.DELETE_VERSION):
                self._patiently(partial(self.store.delete_version, key, version.version_id))

    @contextmanager
    def noting(self, step: Step) -> Generator[None]:
        """Note what the request inside says of a right, and ask nothing when nothing may be asked."""
        if self.stop:
            raise UnseenError(self.stop)
        try:
            yield
        except AccessDeniedError as error:
            self.rights.deny(step, error)
            raise
        except RetentionPolicyError as error:
            self.locked = error
            raise
        except PreconditionFailedError:
            self.rights.allow(step)
            raise
        self.rights.allow(step)

    def _found(self, key: str, body: bytes) -> Written | None:
        stored = self.read(key)
        if stored is None or stored.body != body:
            return None
        return Written(body, stored.version)

    def _patiently(self, request: Callable[[], T]) -> T:
        """Make a request that may be repeated, again while the store throttles."""
        for pause in _PAUSES_S:
            try:
                return request()
            except (OutcomeUnknownError, StoreUnavailableError) as error:
                if pause is None or not _passes(error):
                    raise
                time.sleep(pause)
        raise AssertionError  # the last pause is none, so the last attempt returned or raised


def _done(written: Written | None, otherwise: str) -> Written:
    if written is None:
        raise UnseenError(otherwise)
    return written


def _passes(error: OutcomeUnknownError | StoreUnavailableError) -> bool:
    """Tell whether waiting helps; a store that is not reached would be waited for at each check."""
    return error.throttled or isinstance(error, OutcomeUnknownError)
