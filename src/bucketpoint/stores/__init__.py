"""The adapters to object storage, behind the contract in `bucketpoint.stores.contract`."""
