# What each variable changes.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  bucket_name = "my-runs"
}

run "keys_of_kms" {
  command = plan

  variables {
    kms_key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    error_message = "KMS encrypts."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).bucket_key_enabled
    error_message = "A bucket key spares requests to KMS."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key
    error_message = "It is this key that encrypts, not AWS's own."
  }

  assert {
    condition = {
      for role, policy in output.policies : role => [
        for statement in jsondecode(policy).Statement : statement.Action if statement.Resource == var.kms_key
      ]
      } == {
      runner   = [["kms:Decrypt", "kms:GenerateDataKey"]]
      operator = [["kms:Decrypt", "kms:GenerateDataKey"]]
      viewer   = [["kms:Decrypt"]]
    }
    error_message = "Each role has the rights on the key that it needs."
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [
        for statement in jsondecode(policy).Statement : statement.Condition == {
          StringLike = {
            "kms:EncryptionContext:aws:s3:arn" = ["arn:aws:s3:::my-runs", "arn:aws:s3:::my-runs/checkpoints/*"]
          }
        } if statement.Resource == var.kms_key
      ]
    ]))
    error_message = "What others encrypted with the key stays closed."
  }
}

run "no_versions" {
  command = plan

  variables {
    versioning_enabled = false
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Suspended"
    error_message = "Versioning is suspended: S3 cannot turn it off again."
  }
}

run "no_rules" {
  command = plan

  variables {
    lifecycle_policy = null
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "Nothing is removed."
  }
}

run "other_rules" {
  command = plan

  variables {
    lifecycle_policy = { noncurrent_days = 90, newer_noncurrent_versions = 10 }
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[0].noncurrent_version_expiration[0].noncurrent_days == 90
    error_message = "Old versions go after ninety days."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[0].noncurrent_version_expiration[0].newer_noncurrent_versions == 10
    error_message = "The ten newest stay."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[1].abort_incomplete_multipart_upload[0].days_after_initiation == 7
    error_message = "What is not said stays as it is."
  }
}

run "unconditional_writes_for_all" {
  command = plan

  variables {
    require_conditional_writes = false
  }

  assert {
    condition     = jsondecode(output.bucket_policy).Statement[*].Sid == ["DenyInsecureTransport"]
    error_message = "Only HTTP is refused."
  }
}

run "unconditional_writes_for_one" {
  command = plan

  variables {
    unconditional_write_principals = ["arn:aws:iam::123456789012:role/repair"]
  }

  assert {
    condition     = jsondecode(output.bucket_policy).Statement[1].Condition.ArnNotLike == { "aws:PrincipalArn" = ["arn:aws:iam::123456789012:role/repair"] }
    error_message = "The role for repairs is exempt."
  }
}

run "conditional_deletes" {
  command = plan

  variables {
    require_conditional_deletes = true
  }

  assert {
    condition = jsondecode(output.bucket_policy).Statement[2] == {
      Sid       = "DenyUnconditionalDeletes"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:DeleteObject"
      Resource  = "arn:aws:s3:::my-runs/checkpoints/*"
      Condition = { Null = { "s3:if-match" = "true" } }
    }
    error_message = "A delete without a condition is refused."
  }
}

run "members" {
  command = plan

  variables {
    role_members = { runner = ["checkout", "billing"], viewer = ["checkout"] }
  }

  assert {
    condition     = keys(aws_iam_role_policy_attachment.this) == ["runner/billing", "runner/checkout", "viewer/checkout"]
    error_message = "Each role is attached to its members."
  }
}

run "a_role_for_workers_elsewhere" {
  command = plan

  variables {
    oidc_role = {
      provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
      subjects     = ["repo:octo-org/octo-repo:ref:refs/heads/main"]
    }
  }

  assert {
    condition = jsondecode(aws_iam_role.oidc[0].assume_role_policy).Statement == [{
      Sid       = "TakeTheRole"
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = { "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com" }
        StringLike   = { "token.actions.githubusercontent.com:sub" = ["repo:octo-org/octo-repo:ref:refs/heads/main"] }
      }
    }]
    error_message = "Only the subject that was named takes the role."
  }

  assert {
    condition     = aws_iam_role.oidc[0].name == "my-runs-runner"
    error_message = "It is named after what it may do."
  }
}

run "a_role_that_only_looks" {
  override_resource {
    target = aws_iam_policy.this["viewer"]
    values = { arn = "arn:aws:iam::123456789012:policy/my-runs-viewer" }
  }

  variables {
    oidc_role = {
      grants       = "viewer"
      provider_arn = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
      subjects     = ["project_path:my-group/*"]
    }
  }

  assert {
    condition     = aws_iam_role_policy_attachment.oidc[0].policy_arn == "arn:aws:iam::123456789012:policy/my-runs-viewer"
    error_message = "It has the rights that were asked for, and no others."
  }

  assert {
    condition     = output.oidc_role_arn == aws_iam_role.oidc[0].arn
    error_message = "The role is told."
  }
}

run "log_and_events" {
  command = plan

  variables {
    access_log          = { bucket = "my-logs", prefix = "runs/" }
    eventbridge_enabled = true
  }

  assert {
    condition     = aws_s3_bucket_logging.this[0].target_bucket == "my-logs" && aws_s3_bucket_logging.this[0].target_prefix == "runs/"
    error_message = "Requests are logged."
  }

  assert {
    condition     = aws_s3_bucket_notification.this[0].eventbridge
    error_message = "EventBridge is told."
  }
}

run "a_prefix_of_several_parts" {
  command = plan

  variables {
    prefix = "team-a/checkpoints.v2"
  }

  assert {
    condition     = jsondecode(output.bucket_policy).Statement[1].Resource == "arn:aws:s3:::my-runs/team-a/checkpoints.v2/*"
    error_message = "The policy is for the prefix."
  }
}
