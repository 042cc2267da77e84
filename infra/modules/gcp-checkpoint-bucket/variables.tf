variable "bucket_name" {
  description = "Name of the bucket; no other bucket of Google's may have it."
  type        = string
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", var.bucket_name)) &&
      !startswith(var.bucket_name, "goog") &&
      !strcontains(var.bucket_name, "google")
    )
    error_message = "A bucket's name has 3 to 222 lower-case letters, digits, - _ and ., begins and ends with a letter or digit, and neither begins with goog nor contains google."
  }
}

variable "force_destroy" {
  description = "Let terraform destroy remove the bucket with all checkpoints in it."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key" {
  description = "Resource name of the Cloud KMS key to encrypt with, in the bucket's location; null for Google's own keys."
  type        = string
  default     = null

  validation {
    condition = (
      var.kms_key == null ||
      can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    )
    error_message = "The key is projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, without a version."
  }
}

variable "labels" {
  description = "Labels of the bucket."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "lifecycle_policy" {
  description = <<-EOT
    When what is not in use is removed. An earlier version of a checkpoint goes when it has been
    noncurrent for `noncurrent_days` and `newer_noncurrent_versions` newer noncurrent ones exist
    (0: its age alone counts). Incomplete multipart uploads go after `abort_multipart_days`.
  EOT
  type = object({
    noncurrent_days           = optional(number, 30)
    newer_noncurrent_versions = optional(number, 10)
    abort_multipart_days      = optional(number, 7)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      var.lifecycle_policy.noncurrent_days >= 1 &&
      floor(var.lifecycle_policy.noncurrent_days) == var.lifecycle_policy.noncurrent_days
    )
    error_message = "noncurrent_days is a whole number, 1 or more."
  }

  validation {
    condition = (
      var.lifecycle_policy.newer_noncurrent_versions >= 0 &&
      var.lifecycle_policy.newer_noncurrent_versions <= 100 &&
      floor(var.lifecycle_policy.newer_noncurrent_versions) == var.lifecycle_policy.newer_noncurrent_versions
    )
    error_message = "newer_noncurrent_versions is a whole number from 0 to 100."
  }

  validation {
    condition = (
      var.lifecycle_policy.abort_multipart_days >= 1 &&
      floor(var.lifecycle_policy.abort_multipart_days) == var.lifecycle_policy.abort_multipart_days
    )
    error_message = "abort_multipart_days is a whole number, 1 or more."
  }
}

variable "location" {
  description = "Where the bucket lies: a region such as europe-west1, or a multi-region such as EU."
  type        = string
  nullable    = false
}

variable "prefix" {
  description = "What the names of all checkpoints begin with, without slashes around it."
  type        = string
  default     = "checkpoints"
  nullable    = false

  validation {
    # Nothing else may get into the quotes of the IAM condition.
    condition     = can(regex("^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", var.prefix))
    error_message = "The prefix is made of letters, digits, . _ and -, with single slashes between them, none around."
  }
}

variable "project" {
  description = "ID of the project that the bucket and the roles belong to."
  type        = string
  nullable    = false
}

variable "role_members" {
  description = <<-EOT
    Who gets which role, as IAM principals such as `serviceAccount:worker@my-project.iam.gserviceaccount.com`:
    `runner` for workers, `operator` for people with the command line, `viewer` for dashboards.
    The names must be known when Terraform plans.
  EOT
  type = object({
    runner   = optional(set(string), [])
    operator = optional(set(string), [])
    viewer   = optional(set(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition = length(setintersection(
      ["allUsers", "allAuthenticatedUsers"],
      setunion(values(var.role_members)...)
    )) == 0
    error_message = "Checkpoints are never public: name principals instead of allUsers and allAuthenticatedUsers."
  }

  validation {
    condition = alltrue([
      for member in setunion(values(var.role_members)...) :
      member == "allUsers" || member == "allAuthenticatedUsers" || can(regex("^[A-Za-z]+:.+$", member))
    ])
    error_message = "An IAM principal is KIND:NAME, such as serviceAccount:worker@my-project.iam.gserviceaccount.com."
  }
}

variable "soft_delete_days" {
  description = "Days that Google keeps what was overwritten or deleted, 0 or 7 to 90. It bills each overwritten checkpoint like a live one, and the library reads versions instead; hence 0."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition = (
      var.soft_delete_days == 0 ||
      (
        var.soft_delete_days >= 7 &&
        var.soft_delete_days <= 90 &&
        floor(var.soft_delete_days) == var.soft_delete_days
      )
    )
    error_message = "Google keeps deleted objects for 0 or for 7 to 90 whole days."
  }
}

variable "versioning_enabled" {
  description = "Keep each checkpoint that is overwritten as an earlier version, which is the history of a run."
  type        = bool
  default     = true
  nullable    = false
}
