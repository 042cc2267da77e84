"""The procedures, written once as generators: no I/O, clock, randomness or thread inside."""
