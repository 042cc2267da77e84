"""What tests of the file store run as processes of their own: one function per command."""

import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from bucketpoint.errors import AccessDeniedError, StoreFullError
from bucketpoint.stores.contract import IfAbsent, IfVersion, StoredObject
from bucketpoint.stores.file import FileStore
from bucketpoint.stores.file.lock import locked
from bucketpoint.testing.conformance import got, increment

KEY = "prefix/executions/run-42.json"
NOBODY = 65534
LARGE = 300_000
FILE_EVENTS = {
    *("open", "fcntl.flock", "os.link", "os.listdir", "os.mkdir"),
    *("os.remove", "os.rename", "os.scandir", "os.utime"),
}


def main(command: str, folder: str, *arguments: str) -> None:
    """Run one command on the folder."""
    commands: dict[str, Callable[..., None]] = {
        "crash-everywhere": crash_everywhere,
        "fork-and-die": fork_and_die,
        "increment": increment_often,
        "kill-at-random": kill_at_random,
        "over-the-limit": over_the_limit,
        "read-only": read_only,
        "stop-inside-put": stop_inside_put,
    }
    commands[command](Path(folder), *arguments)


def increment_often(folder: Path, times: str) -> None:
    """Add one to the stored number as often as asked."""
    increment(FileStore(folder), KEY, times=int(times))


def stop_inside_put(folder: Path) -> None:
    """Stop this process just before its write is applied, with the lock in its hand."""
    store = FileStore(folder)
    version = got(store, KEY).version
    stops = [signal.SIGSTOP]  # one: whoever else renames something goes on

    def stop_once() -> None:
        if stops:
            os.kill(os.getpid(), stops.pop())

    before_each({"os.rename"}, stop_once)
    store.put(KEY, b"written after the stop", when=IfVersion(version))


def fork_and_die(folder: Path) -> None:
    """Die with the lock in the hand, while a child that was forked meanwhile lives on."""
    folder.mkdir(exist_ok=True)
    ready, say_so = os.pipe()
    with locked(folder / "lock", timeout=1.0):
        child = os.fork()
        if child == 0:
            os.write(say_so, b"1")
            sys.stdin.read()
            os._exit(0)
        os.read(ready, 1)
        os.kill(os.getpid(), signal.SIGKILL)


def over_the_limit(folder: Path) -> None:
    """Write what the limit on file sizes does not allow, and see that nothing was lost."""
    store = FileStore(folder)
    version = store.put(KEY, b"small", when=IfAbsent())
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        store.put(KEY, b"x" * 2000, when=IfVersion(version))
    except StoreFullError as error:
        tell(error)
    assert got(store, KEY).body == b"small"
    store.put(KEY, b"small again", when=IfVersion(version))
    assert got(store, KEY).body == b"small again"


def read_only(_: Path) -> None:
    """Read and write, without the rights of root, in a folder that one may only read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / KEY).parent.mkdir(parents=True)
        (folder / KEY).write_bytes(b"synced")
        for path in (folder / KEY, *(folder / KEY).parents[:3]):
            path.chmod(0o555)
        in_child(lambda: read_but_not_write(folder))
        for path in (folder / KEY).parents[:3]:
            path.chmod(0o755)


def read_but_not_write(folder: Path) -> None:
    """See that reading works and that each write says what it lacks."""
    if os.getuid() == 0:
        os.setuid(NOBODY)
    store = FileStore(folder)
    stored = got(store, KEY)
    assert stored.body == b"synced"
    assert [info.key for info in store.list("")] == [KEY]
    assert len(list(store.list_versions(KEY))) == 1
    writes: list[Callable[[], object]] = [
        lambda: store.put(KEY, b"mine", when=IfVersion(stored.version)),
        lambda: store.put("new", b"mine", when=IfAbsent()),
        lambda: store.delete(KEY, when=IfVersion(stored.version)),
    ]
    for write in writes:
        try:
            write()
        except AccessDeniedError as error:
            tell(error)
    assert got(store, KEY).body == b"synced"


# --- kills ----------------------------------------------------------------------------------------


def crash_everywhere(folder: Path) -> None:
    """Kill a writer before every single step it takes, and see what each leaves behind.

    Tells for each kind of write how many steps it has.
    """
    kinds: dict[str, Callable[[FileStore, StoredObject | None], object]] = {
        "create": lambda store, _: store.put(KEY, b"new", when=IfAbsent()),
        "overwrite": lambda store, old: store.put(KEY, b"new", when=on(old)),
        "delete": lambda store, old: store.delete(KEY, when=on(old)),
    }
    steps: dict[str, int] = {}
    for kind, write in kinds.items():
        step = 0
        survived = False
        while not survived:
            step += 1
            store = FileStore(folder / kind / str(step))
            if kind != "create":
                store.put(KEY, b"old", when=IfAbsent())
            survived = crash_at(step, write, store)
            check_remains(store, kind, written=survived)
        steps[kind] = step - 1
    tell(json.dumps(steps))


def on(stored: StoredObject | None) -> IfVersion:
    assert stored is not None
    return IfVersion(stored.version)


def crash_at(
    step: int, write: Callable[[FileStore, StoredObject | None], object], store: FileStore
) -> bool:
    """Run the write in a child that dies before that step; tell whether it ended before."""

    def child() -> None:
        old = store.get(KEY)
        fuse = iter(range(1, step))
        before_each(FILE_EVENTS, lambda: die() if next(fuse, None) is None else None)
        write(store, old)

    return in_child(child) == 0


def check_remains(store: FileStore, kind: str, *, written: bool) -> None:
    """See that there is the old or the new object, its history, and no obstacle."""
    old = None if kind == "create" else b"old"
    new = None if kind == "delete" else b"new"
    stored = store.get(KEY)
    body = stored.body if stored else None
    assert body in ({new} if written else {old, new}), body
    expected = [each for each in ([new] if body == new else []) + [old] if each]
    assert kept_bodies(store) == expected, kept_bodies(store)
    store.put(KEY, b"next", when=on(stored) if stored else IfAbsent(), timeout=0.0)
    assert got(store, KEY).body == b"next"
    assert kept_bodies(store) == [b"next", *expected], kept_bodies(store)
    assert [info.key for info in store.list("")] == [KEY]
    leftovers = [path.name for path in store._folder.rglob("staging")]
    assert leftovers == [], leftovers


def kept_bodies(store: FileStore) -> list[bytes]:
    kept = [store.get(KEY, version_id=each.version_id) for each in store.list_versions(KEY)]
    return [each.body for each in kept if each is not None]


def kill_at_random(folder: Path, times: str) -> None:
    """Kill so many writers at random instants."""
    chance = random.Random(42)  # noqa: S311 - to be repeatable, not to be secret
    store = FileStore(folder)
    store.put(KEY, numbered(0), when=IfAbsent())
    for _ in range(int(times)):
        acknowledged = kill_a_writer(folder, after_s=chance.uniform(0.0, 0.02))
        stored = got(store, KEY)
        assert number_in(stored.body) in {acknowledged, acknowledged + 1}
        number = number_in(stored.body) + 1
        store.put(KEY, numbered(number), when=IfVersion(stored.version), timeout=0.0)


def kill_a_writer(folder: Path, *, after_s: float) -> int:
    """Let a child write numbers until it is killed; return the last one it had an answer for."""
    answers, answer = os.pipe()
    child = os.fork()
    if child == 0:
        write_numbers(FileStore(folder), answer)
    os.close(answer)
    with os.fdopen(answers, "rb") as lines:
        last = lines.readline()
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        last = (last + lines.read()).splitlines()[-1]
    return int(last)


def write_numbers(store: FileStore, answer: int) -> None:
    stored = got(store, KEY)
    number, version = number_in(stored.body), stored.version
    os.write(answer, f"{number}\n".encode())
    while True:
        number += 1
        version = store.put(KEY, numbered(number), when=IfVersion(version))
        os.write(answer, f"{number}\n".encode())


def numbered(number: int) -> bytes:
    """Return a large body that shows when any part of it is missing."""
    content = f"{number}:".encode() + bytes([number % 256]) * LARGE
    return sha256(content).hexdigest().encode() + b":" + content


def number_in(body: bytes) -> int:
    digest, number, rest = body.split(b":", 2)
    assert sha256(number + b":" + rest).hexdigest().encode() == digest, "torn"
    return int(number)


def in_child(run: Callable[[], None]) -> int:
    """Run the function in a forked child, and return its exit status (negative: the signal)."""
    child = os.fork()
    if child == 0:
        run()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def before_each(events: set[str], act: Callable[[], None]) -> None:
    """Act before each call that Python reports under one of these names."""
    sys.addaudithook(lambda event, _: act() if event in events else None)


def tell(answer: object) -> None:
    """Answer the test that started this process."""
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
