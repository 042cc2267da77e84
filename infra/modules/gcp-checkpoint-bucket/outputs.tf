output "bucket_name" {
  description = "Name of the bucket."
  value       = google_storage_bucket.this.name
}

output "role_condition" {
  description = "The IAM condition on the prefix, for who binds runner or viewer without role_members."
  value       = local.role_condition
}

output "roles" {
  description = "Names of the custom roles. Bind runner and viewer with role_condition. An operator is bound to runner with it, and to operator without."
  value       = { for role, resource in google_project_iam_custom_role.this : role => resource.name }
}

output "store_url" {
  description = "What bucketpoint.open takes."
  value       = "gs://${google_storage_bucket.this.name}/${var.prefix}"

  # Who gets the URL from here can use the bucket at once.
  depends_on = [
    google_storage_bucket_iam_member.prefix,
    google_storage_bucket_iam_member.settings,
  ]
}
