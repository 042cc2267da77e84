variable "bucket_name" {
  description = "Name of the bucket for the checkpoints."
  type        = string
  nullable    = false
}

variable "operators" {
  description = "ARNs of the IAM users that people work as, and that may take the operator's role with a second factor."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.operators) > 0 && alltrue([for arn in var.operators : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:user/[^*?]+$", arn))])
    error_message = "Give at least one ARN of a user: arn:aws:iam::ACCOUNT:user/NAME. Who works as a role has no second factor to show."
  }
}

variable "region" {
  description = "Where the bucket is."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "session_hours" {
  description = "Hours after which a person has to take the role anew, 1 to 12."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = contains(range(1, 13), var.session_hours)
    error_message = "Whole hours, 1 to 12."
  }
}
