"""The demo: real processes, a real SIGKILL, and what is left of the run after it."""
