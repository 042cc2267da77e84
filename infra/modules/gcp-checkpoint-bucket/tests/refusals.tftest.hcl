# What is refused before anything is asked of Google. Each variable of a run must fail by itself.

mock_provider "google" {}

variables {
  bucket_name = "my-bucket"
  location    = "EU"
  project     = "my-project"
}

run "what_google_would_refuse" {
  command = plan

  variables {
    bucket_name      = "My-Bucket"
    kms_key          = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
    soft_delete_days = 6
    lifecycle_policy = { noncurrent_days = 0 }
  }

  expect_failures = [var.bucket_name, var.kms_key, var.soft_delete_days, var.lifecycle_policy]
}

run "what_google_would_refuse_too" {
  command = plan

  variables {
    bucket_name      = "goog-bucket"
    soft_delete_days = 91
    lifecycle_policy = { abort_multipart_days = 0 }
    role_members     = { operator = ["ann@example.org"] }
  }

  expect_failures = [var.bucket_name, var.soft_delete_days, var.lifecycle_policy, var.role_members]
}

run "what_would_be_public" {
  command = plan

  variables {
    role_members = { viewer = ["allUsers"] }
    prefix       = ""
  }

  expect_failures = [var.role_members, var.prefix]
}

run "what_would_be_public_to_any_account" {
  command = plan

  variables {
    role_members = { runner = ["allAuthenticatedUsers"] }
    prefix       = "/checkpoints"
  }

  expect_failures = [var.role_members, var.prefix]
}

run "what_would_end_the_condition" {
  command = plan

  variables {
    prefix      = "a\")||true||(\""
    bucket_name = "a\")||true||(\""
  }

  expect_failures = [var.prefix, var.bucket_name]
}

run "what_the_library_would_not_find" {
  command = plan

  variables {
    prefix      = "checkpoints/"
    bucket_name = "my-bucket-"
  }

  expect_failures = [var.prefix, var.bucket_name]
}

run "what_is_no_whole_number" {
  command = plan

  variables {
    lifecycle_policy = { newer_noncurrent_versions = 0.5 }
    soft_delete_days = 7.5
  }

  expect_failures = [var.lifecycle_policy, var.soft_delete_days]
}

run "what_s3_could_not_count" {
  command = plan

  variables {
    lifecycle_policy = { newer_noncurrent_versions = 101 }
  }

  expect_failures = [var.lifecycle_policy]
}
