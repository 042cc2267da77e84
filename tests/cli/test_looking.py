"""The commands that look: list, show, history, diff, watch."""

import json
from datetime import timedelta

import pytest

from bucketpoint import BranchState, JoinConfig, JoinState, pause_branch
from bucketpoint.stores.contract import IfAbsent
from tests.cli.conftest import NOW, Runs, Shell, waiting

HOUR = timedelta(hours=1)


class TestList:
    def test_people_see_a_table(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", "suspended", branch_states={"main": waiting(until=NOW + HOUR)})
        runs.save("order-18", "failed", error="declined:\n  code 51", workflow_name="orders")
        assert shell.run("list").out == (
            "EXECUTION  STATUS     WORKFLOW  WRITTEN      RAN FOR  WAKES      ERROR\n"
            "order-17   suspended            2 h ago      10 min   in 60 min\n"
            "order-18   failed     orders    119 min ago  10 min              declined: code 51\n"
        )

    def test_programs_read_a_line_each(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", "failed", error="declined")
        said = shell.json("list")
        assert (said.code, said.err) == (0, "")
        assert said.records == [
            {
                "execution_id": "order-17",
                "workflow_name": "",
                "status": "failed",
                "start_time": "2026-01-31T09:50:00Z",
                "end_time": None,
                "duration": 600.0,
                "error": "declined",
                "modified_at": "2026-01-31T10:00:00Z",
                "next_wake_at": None,
            }
        ]
        assert shell.run("list", "--json").records == said.records

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            (["--status", "failed"], ["b"]),
            (["--status", "failed", "--status", "running"], ["a", "b"]),
            (["--workflow", "orders"], ["c"]),
            (["--id-prefix", "b"], ["b"]),
            (["--modified-since", "119m"], ["b", "c"]),
            (["--modified-before", "2026-01-31T10:01:00Z"], ["a"]),
            (["--wake-before", "now"], ["c"]),
            (["--limit", "1"], ["a"]),
        ],
        ids=" ".join,
    )
    def test_filters_are_those_of_list_executions(
        self, runs: Runs, shell: Shell, filters: list[str], expected: list[str]
    ) -> None:
        runs.save("a")
        runs.save("b", "failed")
        branches = {"main": waiting(until=NOW - HOUR)}
        runs.save("c", "suspended", workflow_name="orders", branch_states=branches)
        found = [record["execution_id"] for record in shell.json("list", *filters).records]
        assert found == expected

    def test_nothing_is_said_to_be_nothing(self, shell: Shell) -> None:
        said = shell.run("list")
        assert (said.code, said.out, said.err) == (0, "", "No execution was found.\n")
        assert shell.json("list").out == ""

    def test_a_time_that_is_none_is_a_usage_error(self, shell: Shell) -> None:
        said = shell.run("list", "--modified-since", "yesterday-ish")
        assert said.code == 2
        assert "write 2h, '3d ago', 2026-01-31" in said.err

    def test_without_a_store_it_says_how_to_name_one(self) -> None:
        said = Shell("").run("list")
        assert said.code == 2
        assert "BUCKETPOINT_URL" in said.err


class TestShow:
    def test_a_paused_run_tells_why_and_what_to_type(self, runs: Runs, shell: Shell) -> None:
        main = waiting(topic="approval", until=NOW + HOUR)
        ship = waiting(until=NOW - HOUR)
        runs.save("order-17", "suspended", branch_states={"main": main, "ship": ship})
        pause_branch(runs.checkpointer, "order-17", "main", "prices are wrong", now=NOW)
        assert shell.run("show", "order-17").out == (
            "order-17  suspended\n"
            "  written     2026-01-31 10:01:00 UTC, 119 min ago\n"
            "  revision    2\n"
            "branches\n"
            "├── main  suspended  at approve\n"
            "│   paused: prices are wrong\n"
            "│   waits for the signal 'approval'; its clock is stopped with 60 min left\n"
            "└── ship  suspended  at approve\n"
            "    is due since 2026-01-31T11:00:00Z (60 min ago): a worker has only to resume the "
            "run\n"
            "\n"
            "Why it stands there\n"
            "  Branch main is paused until somebody unpauses it: prices are wrong.\n"
            "  Branch main waits for the signal 'approval'; its clock is stopped with 60 min left.\n"
            "  Branch ship is due since 2026-01-31T11:00:00Z (60 min ago): a worker has only to resume the run.\n"
            "\n"
            "What to type next\n"
            "  bucketpoint unpause order-17 --branch main\n"
        )

    def test_programs_read_all_that_is_known(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", "running", variables={"n": 1})
        runs.checkpointer.claim("order-17", owner="worker-7", ttl=HOUR).acquire()
        [record] = shell.json("show", "order-17").records
        assert record["checkpoint"]["variables"] == {"n": 1}
        assert "bucketpoint" not in record["checkpoint"]
        assert (record["owner"], record["revision"]) == ("worker-7", 2)
        assert record["claim_expires_at"] == "2026-01-31T11:01:00Z"

    @pytest.mark.parametrize(
        ("status", "members", "why"),
        [
            ("completed", {}, "It has completed."),
            ("failed", {"error": "declined"}, "It failed: declined"),
            ("running", {}, "No worker is at it"),
            ("suspended", {"branch_states": {"main": waiting(topic="go")}}, "the signal 'go'."),
            (
                "waiting",
                {
                    "branch_states": {"main": BranchState(id="main", status="waiting")},
                    "join_states": {
                        "join": JoinState(
                            step_name="sum",
                            waiting_branch_id="main",
                            config=JoinConfig(branches=["left", "right"]),
                        )
                    },
                },
                "Branch main waits at sum for the end of left, right.",
            ),
        ],
        ids=["completed", "failed", "running", "suspended", "waiting"],
    )
    def test_it_tells_why_a_run_stands_there(
        self, runs: Runs, shell: Shell, status: str, members: dict[str, object], why: str
    ) -> None:
        runs.save("order-17", status, **members)
        [record] = shell.json("show", "order-17").records
        assert why in " ".join(record["why"])

    def test_only_a_failed_run_with_a_past_can_be_restored(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", "failed")
        [record] = shell.json("show", "order-17").records
        assert record["next"] == ["bucketpoint history order-17"]
        runs.save("order-17", "failed")
        [record] = shell.json("show", "order-17").records
        assert record["next"][1] == "bucketpoint restore order-17 --version ~1"

    def test_a_worker_that_went_silent_is_told_from_one_that_lives(
        self, runs: Runs, shell: Shell
    ) -> None:
        runs.save("order-17")
        runs.checkpointer.claim("order-17", owner="worker-7", ttl=timedelta(minutes=1)).acquire()
        [silent] = shell.json("show", "order-17").records
        assert silent["why"] == [
            (
                "Worker worker-7 went silent, and its claim expired 118 min ago: it goes on when "
                "any worker resumes it, so see that one runs."
            )
        ]
        assert silent["next"] == ["bucketpoint watch order-17"]
        assert "worker-7, expired 118 min ago" in shell.run("show", "order-17").out
        claim = runs.checkpointer.claim(
            "order-17", owner="worker-8", ttl=1_000_000 * HOUR, takeover=True
        )
        claim.acquire()
        [live] = shell.json("show", "order-17").records
        assert live["why"][0].startswith("Worker worker-8 holds it")

    def test_an_earlier_version_is_shown_as_it_was(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", variables={"n": 1})
        runs.save("order-17", variables={"n": 2})
        for name in ("~1", "@2h", runs.checkpointer.history("order-17")[1].version_id):
            [record] = shell.json("show", "order-17", "--version", name).records
            assert record["checkpoint"]["variables"] == {"n": 1}

    @pytest.mark.parametrize(("name", "code"), [("~9", 3), ("@9d", 3), ("nope", 3), ("@soon", 2)])
    def test_a_version_that_is_none(self, runs: Runs, shell: Shell, name: str, code: int) -> None:
        runs.save("order-17")
        assert shell.run("show", "order-17", "--version", name).code == code

    def test_what_was_deleted_has_a_next_command(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17")
        runs.checkpointer.delete_checkpoint("order-17")
        said = shell.run("show", "order-17")
        assert said.code == 3
        assert said.err.endswith("Next:  bucketpoint history order-17\n")

    def test_what_is_no_checkpoint_has_a_next_command(self, runs: Runs, shell: Shell) -> None:
        runs.store.put("executions/order-17.json", b"{", when=IfAbsent())
        said = shell.run("show", "order-17")
        assert said.code == 8
        assert said.err.endswith("Next:  bucketpoint history order-17\n")

    def test_errors_are_json_where_that_was_asked_for(self, shell: Shell) -> None:
        said = shell.run("show", "order-17", "--json")
        assert said.code == 3
        assert json.loads(said.err)["error"] == {
            "kind": "no_checkpoint",
            "message": json.loads(said.err)["error"]["message"],
            "execution_id": "order-17",
            "exit_code": 3,
            "next": "bucketpoint list",
        }


class TestHistory:
    def test_people_see_a_line_through_time(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17")
        runs.save("order-17", "completed")
        runs.checkpointer.delete_checkpoint("order-17")
        shown = shell.run("history", "order-17").out.splitlines()
        assert [line.split()[:6] for line in shown[1:]] == [
            ["●", "~0", "118", "min", "ago", "deleted"],
            ["│", "~1", "119", "min", "ago", "completed"],
            ["│", "~2", "2", "h", "ago", "running"],
        ]

    def test_programs_read_a_line_each(self, runs: Runs, shell: Shell) -> None:
        for number in range(3):
            runs.save("order-17", str(number))
        records = shell.json("history", "order-17", "--limit", "2").records
        assert [(record["status"], record["revision"]) for record in records] == [
            ("2", 3),
            ("1", 2),
        ]

    def test_a_version_that_cannot_be_read_is_one_too(self, runs: Runs, shell: Shell) -> None:
        runs.store.put("executions/order-17.json", b"{", when=IfAbsent())
        assert [record["status"] for record in shell.json("history", "order-17").records] == [
            "unreadable"
        ]


class TestDiff:
    def test_the_newest_and_the_one_before_it(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", variables={"gone": 1, "kept": [1, 2]})
        runs.save("order-17", variables={"kept": [1, 3], "new": None})
        shown = shell.run("diff", "order-17").out.splitlines()
        assert [line for line in shown if "variables" in line] == [
            "- variables.gone: 1",
            "~ variables.kept.1: 2 → 3",
            "+ variables.new: null",
        ]

    def test_programs_read_paths(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17", variables={"a": 1})
        runs.save("order-18", variables={"b": 1})
        records = shell.json("diff", "order-17", "~0", "--other", "order-18").records
        changes = {tuple(record["path"]): record["change"] for record in records}
        assert changes["variables", "a"] == "removed"
        assert changes["variables", "b"] == "added"
        assert changes["execution_id",] == "changed"

    def test_the_same_is_said_to_be_the_same(self, runs: Runs, shell: Shell) -> None:
        runs.save("order-17")
        assert shell.run("diff", "order-17", "~0").out == "They are the same.\n"


class TestWatch:
    def test_it_ends_with_the_runs_that_were_named(self, runs: Runs, shell: Shell) -> None:
        runs.save("a", "completed")
        runs.save("b", "completed")
        said = shell.run("watch", "a", "b", "--interval", "1s")
        assert said.code == 0
        assert said.out == "10:00:00  completed   a\n10:01:00  completed   b\n"
        runs.save("b", "failed")
        assert shell.run("watch", "a", "b").code == 10

    def test_it_gives_up_in_time(self, runs: Runs, shell: Shell) -> None:
        runs.save("a")
        said = shell.run("watch", "a", "--for", "1s", "--interval", "2s")
        assert said.code == 11
        assert said.err.endswith("Time is up, and these have not ended: a\n")
        said = shell.json("watch", "--for", "1s", "--interval", "2s")
        assert (said.code, [record["status"] for record in said.records]) == (0, ["running"])

    def test_it_tells_what_changes(
        self, runs: Runs, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs.save("a")
        looks = iter(["", "suspended", "completed"])

        def goes_on(_: float) -> None:
            if status := next(looks):
                runs.save("a", status)

        monkeypatch.setattr("time.sleep", goes_on)
        statuses = [record["status"] for record in shell.json("watch", "a").records]
        assert statuses == ["running", "suspended", "completed"]
