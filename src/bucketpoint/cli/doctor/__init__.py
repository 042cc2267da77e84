"""`bucketpoint doctor`: whether checkpoints can be entrusted to a bucket, and what to do if not.

| module | what it does |
| --- | --- |
| `checks` | the table of all checks, and the examination |
| `trial`, `racing` | the checks that ask and write |
| `patient`, `rights` | the store that is tried: what was written there, allowed, denied |
| `settings`, `s3`, `gcs`, `endpoints` | what can be read of how a bucket is set up |
| `outcomes`, `report` | what a check comes to, and how that is told |
"""
