"""The store in a folder."""

from bucketpoint.stores.file.store import FileStore

__all__ = ["FileStore"]
