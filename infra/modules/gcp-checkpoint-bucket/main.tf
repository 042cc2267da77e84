locals {
  folder = "${var.prefix}/"

  # Google counts the live version as a newer one. So with N + 1 newer ones, the live one among
  # them, N newer noncurrent ones exist, which is what S3 counts.
  newer_noncurrent_versions = try(var.lifecycle_policy.newer_noncurrent_versions, 0)
  num_newer_versions        = local.newer_noncurrent_versions == 0 ? null : local.newer_noncurrent_versions + 1
}

resource "google_storage_bucket" "this" {
  project       = var.project
  name          = var.bucket_name
  location      = var.location
  storage_class = "STANDARD" # the others bill an overwritten object for a minimum time
  force_destroy = var.force_destroy
  labels        = var.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = var.versioning_enabled
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 24 * 60 * 60
  }

  # All conditions of one rule must hold.
  dynamic "lifecycle_rule" {
    for_each = var.lifecycle_policy[*]

    content {
      action {
        type = "Delete"
      }

      condition {
        with_state                 = "ARCHIVED"
        days_since_noncurrent_time = lifecycle_rule.value.noncurrent_days
        num_newer_versions         = local.num_newer_versions
        matches_prefix             = [local.folder]
      }
    }
  }

  # The library uploads in one request; this is for other tools.
  dynamic "lifecycle_rule" {
    for_each = var.lifecycle_policy[*]

    content {
      action {
        type = "AbortIncompleteMultipartUpload"
      }

      condition {
        age = lifecycle_rule.value.abort_multipart_days
      }
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.storage]
}
