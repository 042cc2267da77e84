"""A module here is a command: it defines `command`, and its name is the command's name."""
