variable "bucket_name" {
  description = "Name of the bucket for the checkpoints."
  type        = string
  nullable    = false
}

variable "function_name" {
  description = "Name of the function, and of what belongs to it."
  type        = string
  default     = "checkout"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,50}$", var.function_name))
    error_message = "A function's name here has 1 to 50 letters, digits, '_' and '-'."
  }
}

variable "operators" {
  description = "Names of the IAM roles of people with the command line."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "package" {
  description = "Path of the zip file with the program, made as the README says."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where all of it is."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "timeout_s" {
  description = "Seconds that one invocation may take. The program wants more than 25."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.timeout_s > 25 && var.timeout_s <= 900
    error_message = "Between 26 seconds, in which a step fits, and the 900 that Lambda grants."
  }
}
