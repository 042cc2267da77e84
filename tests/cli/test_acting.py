"""The commands that change something: pause, unpause, restore, fork, delete, gc, and moving runs."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

import bucketpoint
from bucketpoint import BranchState, NoCheckpointError
from bucketpoint.stores.contract import IfAbsent
from tests.cli.conftest import NOW, Runs, Shell, waiting

HOUR = timedelta(hours=1)


def exists(runs: Runs, execution_id: str) -> bool:
    try:
        runs.checkpointer.load_checkpoint(execution_id)
    except NoCheckpointError:
        return False
    return True


class TestPause:
    def test_all_branches_that_have_not_ended(self, runs: Runs, shell: Shell) -> None:
        done = BranchState(id="done", status="completed")
        branches = {"main": waiting(until=NOW + HOUR), "done": done}
        runs.save("order-17", "suspended", branch_states=branches)
        said = shell.run("pause", "order-17", "--reason", "prices are wrong")
        assert (said.code, said.out) == (0, "order-17: branch main is paused.\n")
        found = runs.checkpointer.load_checkpoint("order-17").branch_states
        assert (found["main"].pause_requested, found["done"].pause_requested) == (True, False)
        assert found["main"].pause_reason == "prices are wrong"
        assert found["main"].wait is not None
        assert found["main"].wait.remaining == HOUR
        said = shell.run("unpause", "order-17")
        assert said.out == "order-17: branch main is unpaused.\n"
        found = runs.checkpointer.load_checkpoint("order-17").branch_states
        assert found["main"].wait is not None
        assert found["main"].wait.wake_at == NOW + HOUR

    def test_what_is_not_paused_is_left_as_it_is(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", branch_states={"main": waiting()})
        before = runs.checkpointer.get("order-17")
        for names in ([], ["--branch", "main"]):
            said = shell.run("unpause", "order-17", *names)
            assert (said.code, said.out) == (
                0,
                "order-17: no branch was paused; nothing was written.\n",
            )
        after = runs.checkpointer.get("order-17")
        assert before is not None
        assert after is not None
        assert after.version == before.version

    def test_only_the_branches_that_are_named(self, runs: Runs, shell: Shell) -> None:
        branches = {name: BranchState(id=name, status="running") for name in "abc"}
        runs.save("order-17", branch_states=branches)
        [record] = shell.json("pause", "order-17", "--branch", "a", "--branch", "c").records
        assert record["branches"] == ["a", "c"]
        found = runs.checkpointer.load_checkpoint("order-17").branch_states
        assert [branch.pause_requested for branch in found.values()] == [True, False, True]

    def test_a_branch_that_is_none_changes_nothing(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", branch_states={"a": BranchState(id="a", status="running")})
        said = shell.run("pause", "order-17", "--branch", "a", "--branch", "z")
        assert said.code == 3
        assert "has no branch 'z', only: a [branch_not_found]" in said.err
        assert not runs.checkpointer.load_checkpoint("order-17").branch_states["a"].pause_requested

    def test_a_worker_that_holds_the_run_goes_on(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", branch_states={"a": BranchState(id="a", status="running")})
        with runs.checkpointer.claim("order-17", owner="worker") as claim:
            shell.run("pause", "order-17")
            claim.checkpoint.variables["n"] = 1
            claim.save(claim.checkpoint)
        found = runs.checkpointer.load_checkpoint("order-17")
        assert found.branch_states["a"].pause_requested
        assert found.variables == {"n": 1}


class TestRestore:
    def test_it_asks_and_brings_back(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", variables={"n": 1})
        runs.save("order-17", "failed", variables={"n": 2})
        said = shell.run("restore", "order-17", answer="n\n")
        assert said.code == 9
        assert "Restore order-17 as of 2 h ago (running), over what is stored now?" in said.err
        assert runs.checkpointer.load_checkpoint("order-17").variables == {"n": 2}
        said = shell.run("restore", "order-17", answer="y\n")
        assert (said.code, said.out) == (0, "order-17 is again as of 2 h ago: running.\n")
        assert runs.checkpointer.load_checkpoint("order-17").variables == {"n": 1}

    def test_where_nobody_can_be_asked_nothing_is_done(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", variables={"n": 1})
        runs.save("order-17", variables={"n": 2})
        said = shell.run("restore", "order-17")
        assert said.code == 9
        assert "add --yes" in said.err
        assert shell.run("restore", "order-17", "--dry-run").out.startswith("Would restore")
        assert runs.checkpointer.load_checkpoint("order-17").variables == {"n": 2}

    def test_a_deleted_run_is_brought_back(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17")
        runs.checkpointer.delete_checkpoint("order-17")
        assert shell.run("restore", "order-17", "--yes").code == 0
        assert exists(runs, "order-17")

    def test_without_versions_it_says_what_to_turn_on(self, tmp_path: Path) -> None:
        url = f"{tmp_path.as_uri()}?keep_versions=0"
        with bucketpoint.open(url) as checkpointer:
            checkpointer.save_checkpoint(bucketpoint.Checkpoint(execution_id="order-17"))
        said = Shell(url).run("restore", "order-17", "--yes")
        assert said.code != 0
        assert "keep_versions" in said.err


class TestFork:
    def test_another_run_begins_where_this_one_was(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", variables={"n": 1})
        runs.save("order-17", variables={"n": 2})
        said = shell.run("fork", "order-17", "order-18", "--version", "~1")
        assert said.out == "order-18 begins where order-17 was.\n"
        assert runs.checkpointer.load_checkpoint("order-18").variables == {"n": 1}
        assert "forked from    order-17" in shell.run("show", "order-18").out
        assert "forks       order-18" in shell.run("show", "order-17").out

    def test_an_id_that_is_taken(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17")
        runs.save("order-18")
        said = shell.run("fork", "order-17", "order-18")
        assert said.code == 4
        assert said.err.endswith("Next:  bucketpoint fork order-17 ANOTHER_ID\n")


class TestDelete:
    def test_it_asks(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17")
        assert shell.run("delete", "order-17", answer="\n").code == 9
        assert exists(runs, "order-17")
        assert shell.run("delete", "order-17", answer="y\n").out == "order-17 is deleted.\n"
        assert not exists(runs, "order-17")

    def test_several_go_on_after_one_that_fails(self, runs: Runs, shell: Shell) -> None:
        runs.save("a")
        runs.save("c")
        said = shell.json("delete", "a", "b", "c", "--yes")
        assert said.code == 3
        assert [record["error"] for record in said.records] == [None, "no_checkpoint", None]
        assert not exists(runs, "a")
        assert not exists(runs, "c")

    def test_a_dry_run_deletes_nothing(self, runs: Runs, shell: Shell) -> None:
        runs.save("a")
        said = shell.run("delete", "a", "--dry-run")
        assert (said.code, said.out) == (0, "a would be deleted.\n")
        assert exists(runs, "a")


class TestGC:
    def test_it_reports_what_it_did(self, runs: Runs, shell: Shell) -> None:
        runs.save("a")
        runs.checkpointer.delete_checkpoint("a")
        said = shell.json("gc", "--older-than", "1h", "--yes")
        assert said.records[0]["purged"] == ["a"]  # the store's clock is that of today
        assert runs.store.get("executions/a.json") is None

    def test_it_asks_but_not_for_a_dry_run(self, runs: Runs, shell: Shell) -> None:
        runs.save("a", "completed")
        assert shell.run("gc", "--older-than", "1h", "--finished").code == 9
        said = shell.run("gc", "--older-than", "1h", "--finished", "--dry-run")
        assert (
            said.out
            == (
                "Would have purged 0 tombstones and deleted 1 finished runs, of 1 examined; 0 versions\n"
                "removed.\n"
            )
            or "deleted 1 finished runs" in said.out
        )
        assert exists(runs, "a")

    def test_it_names_where_to_go_on_and_what_was_left(self, runs: Runs, shell: Shell) -> None:
        for name in "abc":
            runs.save(name, "failed")
        runs.store.put("executions/a0.json", b"{", when=IfAbsent())
        said = shell.run("gc", "--older-than", "1h", "--finished", "--limit", "2", "--yes")
        assert said.code == 1
        assert "a0 was left: corrupt_checkpoint" in said.err
        assert "go on with --start-after b" in said.err

    @pytest.mark.parametrize("span", ["", "0d", "-1d", "soon", "1y"])
    def test_a_time_that_is_none(self, shell: Shell, span: str) -> None:
        said = shell.run("gc", "--older-than", span)
        assert said.code == 2
        assert "write 90s, 30m, 2h, 7d or 2w" in said.err


class TestMoving:
    def test_what_was_exported_is_imported(self, runs: Runs, shell: Shell, tmp_path: Path) -> None:
        runs.save("a", variables={"n": 10**30})
        runs.save("b", "failed")
        file = tmp_path / "runs.jsonl"
        assert shell.run("export", "--output", str(file)).code == 0
        assert len(file.read_bytes().splitlines()) == 2
        target = Runs(f"{runs.store.url.removeprefix('memory://')}-target")
        said = shell.json("import", str(file), url=target.store.url)
        assert (said.code, len(said.records)) == (0, 2)
        for name in "ab":
            one = runs.checkpointer.load_checkpoint(name)
            assert one == target.checkpointer.load_checkpoint(name)

    def test_a_run_that_is_there_stays(self, runs: Runs, shell: Shell) -> None:
        runs.save("a", variables={"n": 1})
        line = shell.json("export", "a").out
        runs.save("a", variables={"n": 2})
        said = shell.json("import", "-", answer=line)
        assert said.code == 4
        assert said.records[0]["error"] == "version_conflict"
        assert shell.json("import", "-", "--dry-run", answer=line).code == 4
        assert runs.checkpointer.load_checkpoint("a").variables == {"n": 2}
        assert shell.json("import", "-", "--overwrite", answer=line).code == 0
        assert runs.checkpointer.load_checkpoint("a").variables == {"n": 1}

    @pytest.mark.parametrize(
        "line", ["{", "[]", "{}", '{"execution_id": "a"}', '{"execution_id": 1, "checkpoint": {}}']
    )
    def test_a_line_that_is_none_of_an_export_does_not_end_it(
        self, runs: Runs, shell: Shell, line: str
    ) -> None:
        good = json.dumps({"execution_id": "b", "checkpoint": {"schema_version": 1}})
        said = shell.json("import", "-", answer=f"{line}\n\n{good}\n")
        assert said.code == 8
        assert "line 1: " in said.err
        assert exists(runs, "b")

    def test_a_copy_is_the_same_run(self, runs: Runs, shell: Shell, tmp_path: Path) -> None:
        runs.save("a", variables={"n": 1})
        runs.save("a", variables={"n": 2})
        runs.save("b")
        url = tmp_path.as_uri()
        said = shell.run("copy", runs.store.url, url, "a")
        assert said.out == "a: 1 version copied.\n"
        with bucketpoint.open(url) as target:
            copied = target.load_checkpoint("a")
        assert copied == runs.checkpointer.load_checkpoint("a")
        assert shell.run("copy", runs.store.url, url).code == 4
        said = shell.json("copy", runs.store.url, url, "--overwrite")
        assert [record["versions"] for record in said.records] == [1, 1]

    def test_with_its_history_it_has_all_versions(
        self, runs: Runs, shell: Shell, tmp_path: Path
    ) -> None:
        runs.save("a", variables={"n": 1})
        runs.checkpointer.delete_checkpoint("a")
        runs.save("a", variables={"n": 2})
        runs.save("a", variables={"n": 3})
        url = tmp_path.as_uri()
        said = shell.json("copy", runs.store.url, url, "a", "--history")
        assert said.records[0]["versions"] == 4
        records = shell.json("history", "a", url=url).records
        assert [record["status"] for record in records] == [
            "running",
            "running",
            "deleted",
            "running",
        ]
        [first] = shell.json("show", "a", "--version", "~3", url=url).records
        assert first["checkpoint"]["variables"] == {"n": 1}

    def test_a_dry_run_copies_nothing(self, runs: Runs, shell: Shell, tmp_path: Path) -> None:
        runs.save("a")
        said = shell.run("copy", runs.store.url, tmp_path.as_uri(), "--dry-run", "--history")
        assert said.out == "a: 1 version would be copied.\n"
        assert shell.json("list", url=tmp_path.as_uri()).out == ""

    def test_what_cannot_be_copied_does_not_end_it(
        self, runs: Runs, shell: Shell, tmp_path: Path
    ) -> None:
        runs.store.put("executions/a.json", b"{", when=IfAbsent())
        runs.save("b")
        said = shell.json("copy", runs.store.url, tmp_path.as_uri())
        assert said.code == 8
        errors = [record["error"] for record in said.records]
        assert errors == ["corrupt_checkpoint", None]
