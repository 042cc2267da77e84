output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "bucket_name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.id
}

output "bucket_policy" {
  description = "The bucket's policy as JSON."
  value       = local.bucket_policy
}

output "oidc_role_arn" {
  description = "ARN of the role for workers outside AWS; null where none was asked for."
  value       = one(aws_iam_role.oidc[*].arn)
}

output "policies" {
  description = "The policies of `runner`, `operator` and `viewer` as JSON, for roles that are written elsewhere."
  value       = local.policies
}

output "policy_arns" {
  description = "ARNs of the managed policies of `runner`, `operator` and `viewer`."
  value       = { for role, policy in aws_iam_policy.this : role => policy.arn }
}

output "store_url" {
  description = "What `bucketpoint.open` takes, and `BUCKETPOINT_URL`."
  value       = "s3://${aws_s3_bucket.this.id}/${var.prefix}"

  # Nobody writes before all of the bucket is as it should be.
  depends_on = [
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
