output "profile" {
  description = "What goes into `~/.aws/config`; `source_profile` and `mfa_serial` are yours to fill in."
  value       = <<-EOT
    [profile checkpoints]
    role_arn = ${aws_iam_role.operator.arn}
    region = ${var.region}
    duration_seconds = ${var.session_hours * 60 * 60}
    source_profile = default
    mfa_serial = YOUR-MFA-DEVICE
  EOT
}

output "store_url" {
  description = "What the command line takes as `BUCKETPOINT_URL`."
  value       = module.checkpoints.store_url
}
