"""`python -m bucketpoint` is the command `bucketpoint`."""

from bucketpoint.cli import main

main()
