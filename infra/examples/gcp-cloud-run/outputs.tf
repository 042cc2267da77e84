output "queue" {
  description = "The queue that takes events, as the program names it."
  value       = google_cloud_tasks_queue.wake_ups.id
}

output "service_account" {
  description = "Who the service runs as, and tasks are delivered by."
  value       = local.account_email
}

output "service_url" {
  description = "Where tasks are delivered."
  value       = local.service_url
}

output "store_url" {
  description = "What bucketpoint.open takes, and the command line."
  value       = module.checkpoints.store_url
}
