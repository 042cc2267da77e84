# What is refused before anything is made; each of the variables by itself.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  bucket_name = "my-runs"
}

run "what_is_something_else" {
  command = plan

  variables {
    bucket_name                    = "My-Runs"
    prefix                         = "/checkpoints"
    kms_key                        = "alias/checkpoints"
    lifecycle_policy               = { noncurrent_days = 1.5 }
    unconditional_write_principals = ["repair"]
    role_members                   = { runner = ["arn:aws:iam::123456789012:role/checkout"] }
    oidc_role                      = { provider_arn = "arn:aws:iam::123456789012:saml-provider/example", subjects = ["worker"] }
  }

  expect_failures = [
    var.bucket_name,
    var.prefix,
    var.kms_key,
    var.lifecycle_policy,
    var.unconditional_write_principals,
    var.role_members,
    var.oidc_role,
  ]
}

run "what_is_too_wide" {
  command = plan

  variables {
    bucket_name                    = "my-runs--use1-az4--x-s3"
    prefix                         = "checkpoints*"
    kms_key                        = "arn:aws:kms:eu-west-1:123456789012:alias/checkpoints"
    lifecycle_policy               = { newer_noncurrent_versions = 101 }
    unconditional_write_principals = ["*"]
    oidc_role                      = { provider_arn = "arn:aws:iam::123456789012:oidc-provider/example.com", subjects = ["*"] }
  }

  expect_failures = [
    var.bucket_name,
    var.prefix,
    var.kms_key,
    var.lifecycle_policy,
    var.unconditional_write_principals,
    var.oidc_role,
  ]
}

run "what_is_too_little" {
  command = plan

  variables {
    bucket_name                    = "ab"
    prefix                         = ""
    lifecycle_policy               = { newer_noncurrent_versions = -1 }
    unconditional_write_principals = ["arn:aws:iam::*:role/repair"]
    oidc_role                      = { provider_arn = "arn:aws:iam::123456789012:oidc-provider/example.com", subjects = [] }
  }

  expect_failures = [
    var.bucket_name,
    var.prefix,
    var.lifecycle_policy,
    var.unconditional_write_principals,
    var.oidc_role,
  ]
}

run "what_is_nearly_right" {
  command = plan

  variables {
    prefix                         = "checkpoints/"
    lifecycle_policy               = { noncurrent_days = 0 }
    unconditional_write_principals = ["arn:aws:iam::123456789012:*"]
    oidc_role                      = { provider_arn = "arn:aws:iam::123456789012:oidc-provider/example.com", subjects = ["worker"], grants = "administrator" }
  }

  expect_failures = [
    var.prefix,
    var.lifecycle_policy,
    var.unconditional_write_principals,
    var.oidc_role,
  ]
}

run "what_climbs_or_ends_at_once" {
  command = plan

  variables {
    prefix           = "a/../b"
    lifecycle_policy = { abort_multipart_days = 0 }
  }

  expect_failures = [
    var.prefix,
    var.lifecycle_policy,
  ]
}

run "what_is_nearly_everybody" {
  command = plan

  variables {
    access_log                     = { bucket = "my-runs" }
    unconditional_write_principals = ["arn:aws:iam::123456789012:role/*"]
    oidc_role                      = { provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com", subjects = ["repo:*"] }
  }

  expect_failures = [
    var.access_log,
    var.unconditional_write_principals,
    var.oidc_role,
  ]
}

run "what_would_match_nobody_or_a_namesake" {
  command = plan

  variables {
    unconditional_write_principals = ["arn:aws:sts::123456789012:assumed-role/repair/me"]
    oidc_role                      = { provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com", subjects = ["repo:my-org*"] }
  }

  expect_failures = [
    var.unconditional_write_principals,
    var.oidc_role,
  ]
}
