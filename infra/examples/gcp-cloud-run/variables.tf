variable "bucket_name" {
  description = "Name of the bucket for the checkpoints; no other bucket of Google's may have it."
  type        = string
  nullable    = false
}

variable "image" {
  description = "Container image of the service, as examples/cloud_run/README.md builds it."
  type        = string
  nullable    = false
}

variable "operators" {
  description = "IAM principals who look after the runs with the command line, such as user:ann@example.org."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "project" {
  description = "ID of the project for all of it."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where service, queue and bucket lie."
  type        = string
  default     = "europe-west1"
  nullable    = false
}

variable "request_timeout_s" {
  description = "Seconds that a request may take; the service is told as well."
  type        = number
  default     = 300
  nullable    = false

  validation {
    # Cloud Tasks waits ten minutes for an answer, and delivers again after that.
    condition     = var.request_timeout_s >= 10 && var.request_timeout_s <= 600
    error_message = "A request takes 10 to 600 seconds."
  }
}

variable "service_name" {
  description = "Name of the service, of its account and of the start of its queue's name."
  type        = string
  default     = "checkout"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,24}[a-z0-9]$", var.service_name))
    error_message = "The name has 6 to 26 lower-case letters, digits and hyphens, as accounts ask for."
  }
}
