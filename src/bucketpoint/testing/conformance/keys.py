"""Keys that a store must tell apart and give back as they are."""

from __future__ import annotations

__all__ = ["ALL_KEYS", "KEY"]

KEY = "prefix/executions/run-42.json"

ODD_KEYS = {
    "plain": "plain.json",
    "spaces": "with space/and  two ",
    "percent, upper case": "percent%2Fencoded%20.json",
    "percent, lower case": "percent%2fencoded%20.json",
    "capitalised": "Run.json",
    "lower case": "run.json",
    "upper case": "RUN.json",
    "folder in upper case": "RUNS/run.json",
    "folder in lower case": "runs/run.json",
    "beyond ASCII": "ünïcödé/日本語/🙂.json",
    "accent apart": "e\u0301.json",
    "accent joined": "\u00e9.json",
    "leading dot": ".hidden",
    "leading dots": "..two-dots",
    "dots between": "dots/./in/../between",
    "dots first": "../../outside",
    "absolute": "/absolute",
    "empty component": "empty//component",
    "trailing slash": "folder/",
    "leading dash": "-leading-dash",
    "tildes": "tilde~41/~/~_/x~",
    "marks": "quotes'\"`$HOME*?[a]{b}|<c>&;#!",
    "backslash": "back\\slash:colon",
    "device": "con/nul.txt/aux.",
    "control characters": "tab\tdelete\x7f",
}

LONG_KEYS = {
    "900 bytes": "long/" + "x" * 890 + ".json",
    "900 bytes, other end": "long/" + "x" * 890 + ".jsoo",
    "900 bytes in two-byte letters": "long/" + "é" * 445 + ".json",
    "900 bytes in many components": "/".join(["deep"] * 180),
    "two dots after 254": "long/" + "X" * 254 + "..",
    "254": "long/" + "x" * 254,
    "255": "long/" + "x" * 255,
    "256": "long/" + "x" * 256,
    "tilde after 254": "long/" + "x" * 254 + "~",
}

ALL_KEYS = ODD_KEYS | LONG_KEYS
