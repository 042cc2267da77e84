# The bucket itself: what is safe by default, and what may be chosen.

mock_provider "google" {
  mock_data "google_storage_project_service_account" {
    defaults = {
      member = "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com"
    }
  }
}

variables {
  bucket_name = "my-bucket"
  location    = "europe-west1"
  project     = "my-project"
}

run "safe_by_default" {
  command = plan

  assert {
    condition     = google_storage_bucket.this.uniform_bucket_level_access
    error_message = "Access is by IAM alone."
  }

  assert {
    condition     = google_storage_bucket.this.public_access_prevention == "enforced"
    error_message = "Nobody can make the bucket public."
  }

  assert {
    condition     = google_storage_bucket.this.force_destroy == false
    error_message = "Checkpoints are not destroyed in passing."
  }

  assert {
    condition     = one(google_storage_bucket.this.versioning).enabled
    error_message = "What is overwritten is kept."
  }

  assert {
    condition     = one(google_storage_bucket.this.soft_delete_policy).retention_duration_seconds == 0
    error_message = "Soft delete would bill every overwritten checkpoint."
  }

  assert {
    condition     = length(google_storage_bucket.this.encryption) == 0 && length(google_kms_crypto_key_iam_member.storage) == 0
    error_message = "Without a key there is nothing to grant."
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.prefix) + length(google_storage_bucket_iam_member.settings) == 0
    error_message = "Nobody gets in who was not named."
  }

  assert {
    condition     = output.store_url == "gs://my-bucket/checkpoints"
    error_message = "bucketpoint.open takes the URL of bucket and prefix."
  }
}

run "old_versions_go_after_thirty_days" {
  command = plan

  assert {
    condition = (
      one(google_storage_bucket.this.lifecycle_rule[0].action).type == "Delete" &&
      one(google_storage_bucket.this.lifecycle_rule[0].condition).with_state == "ARCHIVED" &&
      one(google_storage_bucket.this.lifecycle_rule[0].condition).days_since_noncurrent_time == 30 &&
      one(google_storage_bucket.this.lifecycle_rule[0].condition).num_newer_versions == null &&
      one(google_storage_bucket.this.lifecycle_rule[0].condition).matches_prefix[0] == "checkpoints/"
    )
    error_message = "A version goes after 30 days."
  }

  assert {
    condition = (
      one(google_storage_bucket.this.lifecycle_rule[1].action).type == "AbortIncompleteMultipartUpload" &&
      one(google_storage_bucket.this.lifecycle_rule[1].condition).age == 7
    )
    error_message = "Incomplete uploads go after a week."
  }
}

run "the_newest_stay_where_that_is_asked_for" {
  command = plan

  variables {
    lifecycle_policy = { noncurrent_days = 3, newer_noncurrent_versions = 10, abort_multipart_days = 1 }
  }

  assert {
    condition = (
      one(google_storage_bucket.this.lifecycle_rule[0].condition).days_since_noncurrent_time == 3 &&
      one(google_storage_bucket.this.lifecycle_rule[0].condition).num_newer_versions == 11 &&
      one(google_storage_bucket.this.lifecycle_rule[1].condition).age == 1
    )
    error_message = "The ten newest stay: the live one is newer, too."
  }
}

run "soft_delete_on_request" {
  command = plan

  variables {
    soft_delete_days = 7
  }

  assert {
    condition     = one(google_storage_bucket.this.soft_delete_policy).retention_duration_seconds == 604800
    error_message = "Google counts in seconds."
  }
}

run "versioning_can_be_off" {
  command = plan

  variables {
    versioning_enabled = false
  }

  assert {
    condition     = one(google_storage_bucket.this.versioning).enabled == false
    error_message = "No version is kept."
  }
}

run "key_of_ones_own" {
  variables {
    kms_key = "projects/my-project/locations/europe-west1/keyRings/my-ring/cryptoKeys/my-key"
  }

  assert {
    condition     = one(google_storage_bucket.this.encryption).default_kms_key_name == var.kms_key
    error_message = "The bucket encrypts with the key."
  }

  assert {
    condition = (
      google_kms_crypto_key_iam_member.storage[0].crypto_key_id == var.kms_key &&
      google_kms_crypto_key_iam_member.storage[0].role == "roles/cloudkms.cryptoKeyEncrypterDecrypter" &&
      google_kms_crypto_key_iam_member.storage[0].member == "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com"
    )
    error_message = "The storage service agent may use the key."
  }
}
