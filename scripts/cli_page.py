"""Writes docs/cli.md from the commands themselves: what they take, print and end in."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import click

from bucketpoint.cli.app import app
from bucketpoint.cli.command import CliCommand
from bucketpoint.cli.exits import MEANINGS
from bucketpoint.cli.output import fields_of

__all__ = ["cli_page"]

IMAGES = Path(__file__).parents[1] / "docs" / "images"
COMMON = 5
"""An option that so many commands have is described once."""

HEAD = """\
# The command line

<!-- Generated from src/bucketpoint/cli by scripts/generate_docs.py: change it there. -->

```sh
pip install 'bucketpoint[cli,s3]'                 # or gcs; a folder needs neither
export BUCKETPOINT_URL=s3://my-bucket/checkpoints
bucketpoint list
```

Options that many commands have:

{common}

**For people, and for programs.** On a terminal a command prints tables and trees, in colours unless
`NO_COLOR` is set. Into a pipe, or with `--json`, it prints JSON: one object, or one object on a line for
each of several things. The fields that are described here stay; more may come. A field of which nothing
is known is null, times are RFC 3339 in UTC, lengths of time are seconds. Questions, progress and hints go
to standard error. With `--json` an error is an object there too: `{{"error": {{"kind", "message",
"execution_id", "exit_code", "next"}}}}`, where `kind` is one of [errors](errors.md) and `next` is the
command to type next.

**Times** are written `2h` (ago, or ahead where a time to come is asked for), `in 2h`, `2h ago`, `now`,
`2026-01-31` or `2026-01-31T12:00:00Z`, in UTC unless they have an offset.

**Commands that cannot be taken back** ask before they begin. `--yes` answers for you; where nobody can be
asked, and without `--yes`, they do nothing and end in 9. `--dry-run` tells what would be done.

**Completion** of commands, options and execution IDs in your shell:

```sh
eval "$(_BUCKETPOINT_COMPLETE=bash_source bucketpoint)"                 # ~/.bashrc
eval "$(_BUCKETPOINT_COMPLETE=zsh_source bucketpoint)"                  # ~/.zshrc
_BUCKETPOINT_COMPLETE=fish_source bucketpoint > ~/.config/fish/completions/bucketpoint.fish
```

## Exit codes

| code | meaning |
| ---: | --- |
{exits}
"""


def cli_page() -> str:
    """Return the text of docs/cli.md."""
    exits = "\n".join(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())
    ctx = click.Context(app, info_name="bucketpoint")
    names = [name for section in app.sections(ctx).values() for name in section]
    commands = [cast("CliCommand", app.get_command(ctx, name)) for name in names]
    rows = [option_rows(command) for command in commands]
    common = [row for row in rows[0] if sum(row in others for others in rows) >= COMMON]
    head = HEAD.format(exits=exits, common=table(common))
    return "\n".join([head, *(about(command, common) for command in commands)])


def about(command: CliCommand, common: Sequence[str]) -> str:
    """Return what the page says about one command, but for the options that many have."""
    return "\n\n".join([f"## {command.name}", *parts(command, common)]) + "\n"


def parts(command: CliCommand, common: Sequence[str]) -> Iterator[str]:
    """Yield the paragraphs about one command."""
    usage = " ".join(["bucketpoint", str(command.name), *arguments(command), "[OPTIONS]"])
    yield f"`{usage}`"
    help_text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    text, _, example = help_text.partition("Example:\n")
    yield text.strip()
    yield f"```sh\n{inspect.cleandoc(example)}\n```"
    if (IMAGES / f"{command.name}.svg").exists():
        yield f"![what bucketpoint {command.name} prints](images/{command.name}.svg)"
    own = [row for row in option_rows(command) if row not in common]
    if own:
        yield table(own)
    if command.record is not None:
        yield f"**JSON.** {'One object on a line for each:' if command.lines else 'One object:'}"
        fields = fields_of(command.record)
        yield "\n".join(f"- `{name}`: {text}" for name, text in fields.items())
    yield f"**Ends in** {', '.join(str(code.value) for code in sorted(command.exits))}."


def arguments(command: CliCommand) -> Iterator[str]:
    """Yield the arguments as they are typed."""
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            name = parameter.metavar or str(parameter.name).upper()
            yield name if parameter.required or name.startswith("[") else f"[{name}]"


def option_rows(command: CliCommand) -> list[str]:
    """Return the rows of the table about a command's options."""
    ctx = click.Context(command, info_name=command.name)
    options = [each for each in command.params if isinstance(each, click.Option)]
    return [option_row(option, ctx) for option in options]


def option_row(option: click.Option, ctx: click.Context) -> str:
    """Return the row about one option."""
    names = ", ".join(option.opts)
    if not option.is_flag:
        is_number = isinstance(option.type, click.types.IntParamType)
        names += f" {option.metavar or ('NUMBER' if is_number else option.type.name.upper())}"
    default = option.get_default(ctx) if option.show_default else None
    told = f" [default: {default}]" if default is not None else ""
    return f"| `{names}` | {' '.join((option.help or '').split())}{told} |"


def table(rows: Sequence[str]) -> str:
    """Return a table of options."""
    return "\n".join(["| option | what it does |", "| --- | --- |", *rows])
