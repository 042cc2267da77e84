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
  description = "Resource name of the Cloud KMS key to encrypt with, in the bucket's location; null for Google's own keys. It must be known when Terraform plans."
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
  description = "When what is not in use is removed. Overwritten checkpoints go `noncurrent_days` after they were, except the `newer_noncurrent_versions` newest of each run (0 to 100). Uploads in parts that nobody completed go after `abort_multipart_days`. Null removes nothing, which is billed for ever."
  type = object({
    abort_multipart_days      = optional(number, 7)
    newer_noncurrent_versions = optional(number, 0)
    noncurrent_days           = optional(number, 30)
  })
  default = {}

  validation {
    condition = var.lifecycle_policy == null ? true : alltrue([
      for days in [var.lifecycle_policy.abort_multipart_days, var.lifecycle_policy.noncurrent_days] :
      days >= 1 && floor(days) == days
    ])
    error_message = "Days are whole, and 1 at least."
  }

  validation {
    condition     = var.lifecycle_policy == null ? true : contains(range(101), var.lifecycle_policy.newer_noncurrent_versions)
    error_message = "newer_noncurrent_versions is a whole number from 0 to 100."
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
  description = "IAM principals, such as `serviceAccount:worker@my-project.iam.gserviceaccount.com`, that get the rights of a runner (workers), an operator (the command line) or a viewer. They must be known when Terraform plans."
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
