# What a bucket is like when nothing but its name is given. Neither AWS nor credentials are needed.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  bucket_name = "my-runs"
}

run "is_private_versioned_and_encrypted" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "All four blocks of public access are on."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "There are no access control lists."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Overwritten checkpoints are kept."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "S3 encrypts with keys of its own."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "Checkpoints are not destroyed with the bucket unless that is asked for."
  }
}

run "old_versions_go_after_thirty_days" {
  command = plan

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[0].filter[0].prefix == "checkpoints/"
    error_message = "The rule is for checkpoints alone."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[0].noncurrent_version_expiration[0].noncurrent_days == 30
    error_message = "Old versions go after thirty days."
  }

  assert {
    condition     = var.lifecycle_policy.newer_noncurrent_versions == 0
    error_message = "None is kept for its number, which would keep those of ended runs for ever."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[0].expiration[0].expired_object_delete_marker
    error_message = "Delete markers go when nothing is left behind them."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[1].abort_incomplete_multipart_upload[0].days_after_initiation == 7
    error_message = "Unfinished uploads go after a week."
  }
}

run "nobody_writes_without_a_condition" {
  command = plan

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement[*].Sid == [
      "DenyInsecureTransport", "DenyUnconditionalWrites",
    ]
    error_message = "The policy refuses HTTP and writes without a condition, and nothing else."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0] == {
      Sid       = "DenyInsecureTransport"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::my-runs", "arn:aws:s3:::my-runs/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
    error_message = "One statement refuses HTTP, whoever uses it."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement[1] == {
      Sid       = "DenyUnconditionalWrites"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::my-runs/checkpoints/*"
      Condition = {
        Bool = { "s3:ObjectCreationOperation" = "true" }
        Null = { "s3:if-match" = "true", "s3:if-none-match" = "true" }
      }
    }
    error_message = "One statement refuses what has neither condition."
  }
}

run "tells_what_others_need" {
  override_resource {
    target = aws_s3_bucket.this
    values = { id = "my-runs", arn = "arn:aws:s3:::my-runs" }
  }

  assert {
    condition     = output.store_url == "s3://my-runs/checkpoints"
    error_message = "The URL is what bucketpoint.open takes."
  }

  assert {
    condition     = output.bucket_name == "my-runs" && output.bucket_arn == "arn:aws:s3:::my-runs"
    error_message = "The bucket is told."
  }

  assert {
    condition     = toset(keys(output.policy_arns)) == toset(["runner", "operator", "viewer"])
    error_message = "There is a policy for each of the three roles."
  }

  assert {
    condition     = output.oidc_role_arn == null
    error_message = "No role is made unless one is asked for."
  }
}
