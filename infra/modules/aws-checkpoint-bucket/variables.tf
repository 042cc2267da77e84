variable "access_log" {
  description = "The bucket that gets the access log, and what its keys begin with. That bucket's policy must let `logging.s3.amazonaws.com` write to it. Null for no log."
  type = object({
    bucket = string
    prefix = optional(string, "")
  })
  default = null

  validation {
    condition     = try(var.access_log.bucket, null) != var.bucket_name
    error_message = "The log goes to another bucket: each line that is written here would be logged anew."
  }
}

variable "bucket_name" {
  description = "Name of the bucket, which nobody else on AWS may have."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens."
  }

  validation {
    condition     = !endswith(var.bucket_name, "--x-s3")
    error_message = "This is the name of a directory bucket, which keeps no versions and lists in no order."
  }
}

variable "eventbridge_enabled" {
  description = "Tell EventBridge of each write, for whoever wants to react to checkpoints."
  type        = bool
  default     = false
  nullable    = false
}

variable "force_destroy" {
  description = "Let `terraform destroy` remove a bucket that still holds checkpoints. They are lost then. Without it the bucket stays, but its policy, versioning and blocks are removed before that is found out: apply again at once."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key" {
  description = "ARN of the KMS key that encrypts checkpoints. Null for the keys of S3 itself (SSE-S3)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key))
    error_message = "Give the ARN of the key itself: rights cannot be granted on an alias."
  }
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

variable "oidc_role" {
  description = "Makes a role for workers outside AWS, such as a CI job or another cloud: `provider_arn` of the OIDC provider of this account, the `subjects` that may take the role (with `*` and `?` from the third part on: `repo:my-org/*`), their `audience`, and which of the three `grants` it has."
  type = object({
    audience     = optional(string, "sts.amazonaws.com")
    grants       = optional(string, "runner")
    provider_arn = string
    subjects     = list(string)
  })
  default = null

  validation {
    condition     = var.oidc_role == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_role.provider_arn))
    error_message = "provider_arn is the ARN of an OIDC provider: arn:aws:iam::ACCOUNT:oidc-provider/HOST."
  }

  validation {
    condition     = var.oidc_role == null ? true : contains(["runner", "operator", "viewer"], var.oidc_role.grants)
    error_message = "grants is runner, operator or viewer."
  }

  validation {
    # Two parts are written out: `repo:*` would be all of GitHub.
    condition = var.oidc_role == null ? true : length(var.oidc_role.subjects) > 0 && alltrue([
      for subject in var.oidc_role.subjects : can(regex("^([^*?]+|[^*?:/]+[:/][^*?:/]+[:/].*)$", subject))
    ])
    error_message = "Name at least one subject, each with two parts written out before the first wildcard, such as `repo:my-org/*`."
  }
}

variable "prefix" {
  description = "What the keys of all checkpoints begin with, before a slash. Nothing else belongs there."
  type        = string
  default     = "checkpoints"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", var.prefix))
    error_message = "A prefix is made of letters, digits, '.', '_' and '-', in parts between single slashes."
  }
}

variable "require_conditional_deletes" {
  description = "Refuse everybody to remove a checkpoint without a condition, too. `aws s3 rm` is refused then; lifecycle rules, and the removal of versions, are not."
  type        = bool
  default     = false
  nullable    = false
}

variable "require_conditional_writes" {
  description = "Refuse everybody, you included, to write a checkpoint without a condition. That also stops copies into the prefix."
  type        = bool
  default     = true
  nullable    = false
}

variable "role_members" {
  description = "Names of existing IAM roles that get the rights of a runner (workers), an operator (the command line) or a viewer. The names must be known when Terraform plans."
  type = object({
    operator = optional(set(string), [])
    runner   = optional(set(string), [])
    viewer   = optional(set(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name in setunion(var.role_members.operator, var.role_members.runner, var.role_members.viewer) :
      can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", name))
    ])
    error_message = "Give names of roles, not their ARNs."
  }
}

variable "tags" {
  description = "Tags of all that is made."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "unconditional_write_principals" {
  description = "ARNs of IAM users and roles that may write without a condition after all, such as a role for repairs, with `*` and `?` behind the first part of a path. Of an assumed role give the role's own ARN."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.unconditional_write_principals : can(regex("^arn:[^:*?]+:iam::[0-9]{12}:(user|role)/[^*?/]+(/.*)?$", arn))])
    error_message = "Give ARNs of users and roles: arn:aws:iam::ACCOUNT:role/NAME. Whoever exempts everybody turns require_conditional_writes off."
  }
}

variable "versioning_enabled" {
  description = "Keep what is overwritten, so that a run has a history and can be restored."
  type        = bool
  default     = true
  nullable    = false
}
